"""The last inputs of a stream: what of it an answer is about."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipit.inputs import EncodedImage, Input, InputSequence, PcmAudio, bytes_of
from pipit.types import Prediction, TimeSpan

LONGEST = 60.0
"""Seconds that are held."""
_MOST_BYTES = 4 << 20
"""As much sound as 43 seconds at 48 kHz."""
_MOST_PIECES = 6000
"""Of a hundredth of a second each."""
_NOTHING = np.zeros((0, 1), np.float32)
_NEAR = 1e-3
"""Seconds that rounding may take from a window's ends."""


class _Piece(NamedTuple):
    """start, end: seconds of its stream. samples: of sound alone, one channel, 16 bits."""

    start: float
    end: float
    item: Input
    samples: NDArray[np.int16] | None

    @property
    def size(self) -> int:
        return bytes_of(self.item) if self.samples is None else self.samples.nbytes


@dataclass(frozen=True, slots=True)
class Cut:
    """begins: seconds of the stream before it."""

    item: Input
    begins: float


class StreamTail:
    """Of one stream. Not for several threads."""

    def __init__(self) -> None:
        self._pieces: deque[_Piece] = deque()
        self._bytes = 0
        self.group = secrets.token_hex(8)
        """What is cut of one stream overlaps, and has to stay together."""

    def add(self, item: Input, start: float, end: float) -> None:
        """start, end: seconds of the stream. Of pictures the last one alone is held."""
        samples = None
        if isinstance(item, PcmAudio):
            mono = item.samples.mean(axis=1) if item.samples.size else np.zeros(0, np.float32)
            samples = as_int16(mono)
            item = PcmAudio(_NOTHING, item.sample_rate)
        elif isinstance(item, EncodedImage):
            self._pieces.clear()
            self._bytes = 0
        pieces = self._pieces
        pieces.append(_Piece(start, end, item, samples))
        self._bytes += pieces[-1].size
        while len(pieces) > 1 and (
            pieces[0].end < end - LONGEST or self._bytes > _MOST_BYTES or len(pieces) > _MOST_PIECES
        ):
            self._bytes -= pieces.popleft().size

    def cut(self, predictions: Sequence[Prediction]) -> Cut | None:
        """What these are about: the time that their spans cover, and the last input where none has any.

        None: it is not held any more, or was never.
        """
        if not self._pieces:
            return None
        last = self._pieces[-1]
        spans = [one.region for one in predictions if isinstance(one.region, TimeSpan)]
        if isinstance(last.item, EncodedImage) or not spans:
            return None if last.samples is not None else Cut(last.item, last.start)
        start, end = min(span.start for span in spans), max(span.end for span in spans)
        start = max(start, end - LONGEST)
        if start < self._pieces[0].start - _NEAR:
            return None
        if isinstance(last.item, PcmAudio):
            return self._cut_sound(start, end, last.item.sample_rate)
        items = tuple(one.item for one in self._pieces if one.end > start + _NEAR and one.start < end - _NEAR)
        return Cut(InputSequence(items or (last.item,)), start)

    def _cut_sound(self, start: float, end: float, rate: int) -> Cut | None:
        samples = np.concatenate([one.samples for one in self._pieces if one.samples is not None])
        first = max(0, round((start - self._pieces[0].start) * rate))
        window = samples[first : round((end - self._pieces[0].start) * rate)]
        # What a last window is filled up with was never heard.
        heard = window[:, np.newaxis].astype(np.float32) / np.float32(32768)
        return Cut(PcmAudio(heard, rate), start) if len(window) else None


def as_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """samples: full scale at -1 and 1; what is louder is cut off."""
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
