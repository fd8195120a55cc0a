"""One caller's pictures, or landmarks, that follow each other.

    picture -> faces where they were before, or searched anew -> one prediction a face, with its box
                                    |
                                    +-> the face that is followed -> smoothed emotion, with its time span

The followed face is the one that lies where it lay before, else the largest; then its past is forgotten.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pipit.inputs import EncodedImage, Input, Landmarks
from pipit.inputs.landmarks import Tracker
from pipit.pipelines import Box, Decoded, TimeSpan

from emotion.emotion.settings import INPUT, Settings
from emotion.emotion.smoothing import SmoothedScores

SAME_FACE = 0.3
"""Intersection over union of two boxes of one face, in pictures that follow each other."""


@dataclass(frozen=True, slots=True)
class FaceRows:
    """Faces of one picture. values: (faces, columns). boxes: None for landmarks, which tell no pixels."""

    values: NDArray[np.float32]
    boxes: tuple[Box | None, ...]


@dataclass(frozen=True, slots=True)
class FrameDecoded(Decoded):
    """A stream's picture. smoothed: of the face that the stream follows, the row `followed`. span: its time."""

    smoothed: SmoothedScores
    followed: int
    span: TimeSpan


class FrameReader(Protocol):
    """What makes features of a picture: the pipeline."""

    settings: Settings

    def rows_of(self, item: Input, tracker: Tracker | None) -> FaceRows:
        """Features of each face."""
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
        self._past: deque[NDArray[np.float32]] = deque(maxlen=pipeline.settings.frames)
        self.seconds = 0.0

    def takes(self, item: Input) -> bool:
        """Pictures and landmarks."""
        return isinstance(item, EncodedImage | Landmarks)

    def push(self, item: Input) -> Decoded | None:
        """One row a face. A picture without a face gives no rows, and ends what was known of the face before."""
        if isinstance(item, EncodedImage) and self._tracker is None:
            self._tracker = self._pipeline.open_tracker()
        rows = self._pipeline.rows_of(item, self._tracker)
        settings = self._pipeline.settings
        start, self.seconds = self.seconds, self.seconds + settings.frame_seconds
        if not rows.boxes:
            self._forget()
            return Decoded({INPUT: np.zeros((0, *settings.shape), np.float32)}, ())
        followed = self._follow(rows.boxes)
        self._past.append(rows.values[followed])
        values = rows.values
        if settings.frames > 1:
            values = np.repeat(values[:, np.newaxis], settings.frames, axis=1)
            values[followed] = self._window()
        span = TimeSpan(start, self.seconds)
        return FrameDecoded({INPUT: values}, rows.boxes, self._smoothed, followed, span)

    def finish(self) -> Decoded | None:
        """Every picture was answered when it came."""
        return None

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
        """The last frames; before the first there is the first again."""
        missing = self._pipeline.settings.frames - len(self._past)
        return np.stack([self._past[0]] * missing + list(self._past))


def _overlap(first: Box | None, second: Box | None) -> float:
    """Intersection over union; 1 where neither is known, as for landmarks."""
    if first is None or second is None:
        return 1.0 if second is None else 0.0
    width = min(first.left + first.width, second.left + second.width) - max(first.left, second.left)
    height = min(first.top + first.height, second.top + second.height) - max(first.top, second.top)
    shared = max(0.0, width) * max(0.0, height)
    union = first.width * first.height + second.width * second.height - shared
    return shared / union if union > 0 else 0.0
