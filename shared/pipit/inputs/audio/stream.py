"""PCM that is still arriving, cut into the windows that the whole recording would give."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.inputs import PcmAudio
from pipit.inputs.audio.decode import mono_pcm
from pipit.inputs.audio.limits import DEFAULT_LIMITS, AudioLimits
from pipit.inputs.audio.resample import QUALITY
from pipit.inputs.audio.windows import holds_more, pad_window, span, window_lengths
from pipit.types import TimeSpan

Windows = tuple[NDArray[np.float32], list[TimeSpan]]


class StreamWindows:
    """One caller's recording, pushed piece by piece. Not for several threads.

    Gives what `cut_windows` would give for the whole, each window as soon as it is full; `finish` gives the tail.
    Spans count from the start of the stream. Holds at most one window between two pushes.
    """

    def __init__(
        self,
        rate: int,
        window_seconds: float,
        hop_seconds: float,
        limits: AudioLimits = DEFAULT_LIMITS,
    ) -> None:
        """rate: Hz, of the windows; limits: of each piece."""
        self._rate = rate
        self._window, self._hop = window_lengths(rate, window_seconds, hop_seconds)
        self._limits = limits
        self._rate_in: int | None = None
        self._resampler: soxr.ResampleStream | None = None
        # Pieces are a tenth of a window and shorter: there is room for several before what is held has to move.
        self._room = self._window + self._hop
        self._buffer = np.empty(self._room, np.float32)
        self._held = self._buffer[:0]
        self._held_at = 0
        self._held_from = 0
        self._next_start = 0

    def push(self, item: PcmAudio) -> Windows:
        """Windows that became full, shape (windows, samples), possibly none.

        Channels may change between pieces, the rate may not. Raises as `decode_audio` does; the piece is then left out.
        """
        samples = mono_pcm(item, self._limits)
        self._settle_rate(item.sample_rate)
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples)
        return self._take(samples)

    def finish(self) -> Windows:
        """What remains: the resampler's tail, and a last window where the rest is worth one. No push may follow."""
        tail = np.zeros(0, np.float32)
        if self._resampler is not None:
            tail = self._resampler.resample_chunk(tail, last=True)
        rows, spans = self._take(tail)
        end = self._held_from + len(self._held)
        last_end = self._next_start - self._hop + self._window
        if not end or (self._next_start and not holds_more(end - last_end, self._hop)):
            return rows, spans
        start = max(0, end - self._window)
        row = pad_window(self._held[start - self._held_from :], self._window)
        return np.concatenate([rows, row[np.newaxis]]), [*spans, span(start, end - start, self._rate)]

    def _settle_rate(self, rate_in: int) -> None:
        if self._rate_in is None:
            self._rate_in = rate_in
            if rate_in != self._rate:
                self._resampler = soxr.ResampleStream(rate_in, self._rate, 1, np.float32, QUALITY)
        elif rate_in != self._rate_in:
            raise InvalidInput(
                f"the sample rate changed from {self._rate_in} to {rate_in} Hz within a stream; open a new stream"
            )

    def _take(self, samples: NDArray[np.float32]) -> Windows:
        self._append(samples)
        end = self._held_from + len(self._held)
        starts = list(range(self._next_start, end - self._window + 1, self._hop))
        rows = np.empty((len(starts), self._window), np.float32)
        for row, start in zip(rows, starts, strict=True):
            row[:] = self._held[start - self._held_from : start - self._held_from + self._window]
        self._next_start += len(starts) * self._hop
        # The last window of the stream ends with it, so one whole window stays, whatever the hop.
        keep_from = max(self._held_from, min(self._next_start, end - self._window))
        self._held_at += keep_from - self._held_from
        self._held = self._held[keep_from - self._held_from :]
        self._held_from = keep_from
        if len(self._buffer) > self._room:
            self._move(self._room)
        return rows, [span(start, self._window, self._rate) for start in starts]

    def _append(self, samples: NDArray[np.float32]) -> None:
        """To what is held, in place."""
        length = len(self._held) + len(samples)
        if self._held_at + length > len(self._buffer):
            self._move(max(self._room, length))
        self._held = self._buffer[self._held_at : self._held_at + length]
        self._held[length - len(samples) :] = samples

    def _move(self, room: int) -> None:
        """What is held to the begin of a buffer of that many samples."""
        buffer = self._buffer if room == len(self._buffer) else np.empty(room, np.float32)
        buffer[: len(self._held)] = self._held
        self._buffer, self._held, self._held_at = buffer, buffer[: len(self._held)], 0
