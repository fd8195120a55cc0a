"""One caller's pictures, or landmarks, that follow each other.

    picture -> faces where they were before, or searched anew -> one prediction a face, with its box
                                    |
                                    +-> the face that is followed -> smoothed emotion, with its time span

The followed face is the one that lies where it lay before, else the largest; then its past is forgotten.
Time is what the caller says of each picture; where nothing is said, they come every `frame_seconds`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pipit.inputs import EncodedImage, Input, Landmarks
from pipit.landmarks import Tracker
from pipit.types import Box, Decoded, TimeSpan

from emotion.expression.settings import INPUT, Settings
from emotion.expression.smoothing import SmoothedScores

DENSEST = 16
"""Pictures of the past that are kept for each frame that the network looks at."""
SAME_FACE = 0.3
"""Intersection over union of two boxes of one face, in pictures that follow each other."""


@dataclass(frozen=True, slots=True)
class FaceRows:
    """Faces of one picture. values: (faces, columns). boxes: None for landmarks, which tell no pixels."""

    values: NDArray[np.float32]
    boxes: tuple[Box | None, ...]


@dataclass(frozen=True, slots=True)
class FrameDecoded(Decoded):
    """A stream's picture. smoothed: of the face that the stream follows, the row `followed`.

    span: from the picture before to this one.
    """

    smoothed: SmoothedScores
    followed: int
    span: TimeSpan


class FrameReader(Protocol):
    """What makes features of a picture: the pipeline."""

    settings: Settings

    def rows_of(self, item: Input, tracker: Tracker | None, elapsed: float) -> FaceRows:
        """Features of each face. elapsed: seconds since the picture before."""
        ...

    def open_tracker(self) -> Tracker:
        """For one stream."""
        ...


class FaceStream:
    """State of one stream; see `pipit.pipelines.StreamDecoder`."""

    def __init__(self, pipeline: FrameReader) -> None:
        self._pipeline = pipeline
        self._tracker: Tracker | None = None
        self._box: Box | None = None
        self._smoothed = SmoothedScores(pipeline.settings.smoothing_seconds)
        self._past: deque[tuple[float, NDArray[np.float32]]] = deque(maxlen=pipeline.settings.frames * DENSEST)
        self._begun = False
        self.seconds = 0.0

    def takes(self, item: Input) -> bool:
        """Pictures and landmarks."""
        return isinstance(item, EncodedImage | Landmarks)

    def push(self, item: Input, seconds: float | None = None) -> Decoded | None:
        """One row a face. A picture without a face gives no rows, and ends what was known of the face before."""
        if isinstance(item, EncodedImage) and self._tracker is None:
            self._tracker = self._pipeline.open_tracker()
        settings = self._pipeline.settings
        span = self._span(seconds)
        rows = self._pipeline.rows_of(item, self._tracker, span.end - span.start)
        self.seconds, self._begun = span.end, True
        if not rows.boxes:
            self._forget()
            return Decoded({INPUT: np.zeros((0, *settings.shape), np.float32)}, ())
        followed = self._follow(rows.boxes)
        self._past.append((span.end, rows.values[followed]))
        values = rows.values
        if settings.frames > 1:
            values = np.repeat(values[:, np.newaxis], settings.frames, axis=1)
            values[followed] = self._window()
        return FrameDecoded({INPUT: values}, rows.boxes, self._smoothed, followed, span)

    def finish(self) -> Decoded | None:
        """Every picture was answered when it came."""
        return None

    def _span(self, seconds: float | None) -> TimeSpan:
        if seconds is None:
            return TimeSpan(self.seconds, self.seconds + self._pipeline.settings.frame_seconds)
        return TimeSpan(self.seconds if self._begun else seconds, seconds)

    def _follow(self, boxes: tuple[Box | None, ...]) -> int:
        """The row of the followed face."""
        shared = [_overlap(self._box, box) for box in boxes]
        best = int(np.argmax(shared))
        if shared[best] < SAME_FACE:
            best = 0
            self._forget()
        self._box = boxes[best]
        return best

    def _forget(self) -> None:
        self._box = None
        self._past.clear()
        self._smoothed.reset()

    def _window(self) -> NDArray[np.float32]:
        """For each frame that the network looks at the nearest in time; before the first there is the first again."""
        settings = self._pipeline.settings
        times = np.array([time for time, _ in self._past])
        wanted = self.seconds - settings.frame_seconds * np.arange(settings.frames - 1, -1, -1)
        nearest = np.abs(times[np.newaxis] - wanted[:, np.newaxis]).argmin(axis=1)
        return np.stack([self._past[place][1] for place in nearest])


def _overlap(first: Box | None, second: Box | None) -> float:
    """Intersection over union; 1 where neither is known, as for landmarks."""
    if first is None or second is None:
        return 1.0 if second is None else 0.0
    return first.overlap(second)
