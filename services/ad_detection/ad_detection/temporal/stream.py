"""One caller's frames of television that follow each other.

    frame -> does it open a step? -> [CNN] -> its features, kept -> the last five -> [LSTM]
                    └── no: left out, and no network runs

So a stream costs one run of the CNN a step, however many frames come. A frame that is the last one again, to the byte,
as of a player that pauses, costs none. Every step is answered, the first too; see `ad_detection.temporal.window`.
A frame that can't be read is answered by an error and leaves everything as it was.

Time never runs back within a stream: the server refuses such frames, and whoever seeks back opens another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage, Input, describe
from pipit.types import Decoded, TimeSpan

from ad_detection.temporal.window import Steps, Window

INPUT = "features"
"""float32, (rows, frames, columns)."""
Features = NDArray[np.float32]


class FrameStream:
    """State of one stream; see `pipit.pipelines.StreamDecoder`. What is kept of a frame is numbers."""

    def __init__(self, steps: Steps, look: Callable[[EncodedImage], Features]) -> None:
        """look: what the CNN makes of a frame, (columns,)."""
        self._steps = steps
        self._look = look
        self._window: Window[Features] = Window(steps)
        self._last: tuple[bytes, Features] | None = None
        self._begun = False
        self.seconds = 0.0

    def takes(self, item: Input) -> bool:
        """Pictures. A whole sequence is an input by itself."""
        return isinstance(item, EncodedImage)

    def push(self, item: Input, seconds: float | None = None) -> Decoded | None:
        """One row for a frame that opens a step: its span reaches from the oldest frame of the sequence to this one.

        seconds: None for a step after the frame before. Raises InvalidInput, InputTooLarge.
        """
        if not isinstance(item, EncodedImage):
            raise InvalidInput(f"a stream of television takes pictures, not {describe(item)}")
        if seconds is None:
            seconds = self.seconds + self._steps.seconds if self._begun else 0.0
        if not self._window.opens(seconds):
            self.seconds = seconds
            return None
        self._window.add(seconds, self._features(item))
        self.seconds, self._begun = seconds, True
        row = np.stack(self._window.values)
        return Decoded({INPUT: row[np.newaxis]}, (TimeSpan(self._window.begun, seconds),))

    def finish(self) -> Decoded | None:
        """Every frame was answered when it came."""
        return None

    def _features(self, item: EncodedImage) -> Features:
        digest = hashlib.sha256(item.data).digest()
        if self._last is None or self._last[0] != digest:
            self._last = digest, self._look(item)
        return self._last[1]
