"""Faces: where they are, and 468 points of each.

    detector (128 px)  ->  rectangle turned by the eyes, 1.5 times its size  ->  landmarks (192 px)  ->  presence
                                       ^                                            |
                                       +--- next picture, while the face is there --+

Networks and rules of MediaPipe 0.10.18 (`face_landmark_front_cpu`), of "Face Mesh" (Kartynnik et al., 2019).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipit.landmarks.crop import Picture, crop, scaled
from pipit.landmarks.detector import Detection, Detector
from pipit.landmarks.geometry import Rectangle, around, rotation_of
from pipit.runtimes.base import Runtime

_EYES_OF_DETECTION = (0, 1)
_EYES_OF_LANDMARKS = (33, 263)
_MARGIN = 1.5
_TIGHT = 1.5
"""The detector was trained on faces with something around them."""
_SAME_FACE = 0.5
"""Rectangles that overlap more hold the same face."""


@dataclass(frozen=True, slots=True)
class FacePoints:
    """points: float32, shape (468, 3), in pixels; z in the scale of x, smaller is nearer to the camera.

    Read-only: tasks share them. presence: 0..1, that there is a face. looked_at: the rectangle that the network saw.
    """

    points: NDArray[np.float32]
    presence: float
    looked_at: Rectangle

    @property
    def bounds(self) -> Rectangle:
        """The upright rectangle around all points."""
        return around(self.points)

    @property
    def next_rectangle(self) -> Rectangle:
        """Where to look in the next picture."""
        return around(self.points, self._rotation).square(_MARGIN)

    @property
    def aligned(self) -> Rectangle:
        """The square around the face with its eyes level: the same part of a face however it is turned."""
        level = Rectangle(0.0, 0.0, 1.0, 1.0, -self._rotation).to_picture(self.points[:, :2] + np.float32(0.5))
        bounds = around(level)
        center = np.array([[bounds.center_x + 0.5, bounds.center_y + 0.5]], np.float32)
        ((x, y),) = Rectangle(0.0, 0.0, 1.0, 1.0, self._rotation).to_picture(center).tolist()
        return Rectangle(x, y, bounds.width, bounds.height, self._rotation).square(1.0)

    @property
    def _rotation(self) -> float:
        start, end = (self.points[index] for index in _EYES_OF_LANDMARKS)
        return rotation_of(start, end, upright=0.0)


class FaceFinder:
    """The face networks. Holds no state; safe for several threads."""

    def __init__(self, detector: Runtime, landmarks: Runtime, far: Runtime | None = None) -> None:
        """far: a detector that sees smaller faces, and takes longer."""
        self._detector = near_detector(detector)
        self._landmarks = landmarks
        self._far = None if far is None else far_detector(far)
        self.digests = (detector.digest, landmarks.digest)
        self.far_digest = "" if far is None else far.digest
        (spec,) = landmarks.inputs
        self._input, self._size = spec.name, spec.shape[0]

    def detect(self, picture: Picture, min_score: float, *, tight: bool = False) -> list[Rectangle]:
        """Where the landmark network should look, largest face first.

        tight: where there is none, looks again with a margin around the picture, for faces that fill it.
        """
        found = self._detector.find(picture, min_score)
        if tight and not found:
            found = self._detector.find(picture, min_score, _TIGHT)
        return [_rectangle(detection) for detection in sorted(found, key=lambda one: -one.bounds.area)]

    def detect_far(self, picture: Picture, min_score: float) -> list[Rectangle]:
        """As `detect`, by the detector for faces far away; none where there is no such detector."""
        found = [] if self._far is None else self._far.find(picture, min_score)
        return [_rectangle(detection) for detection in sorted(found, key=lambda one: -one.bounds.area)]

    def look(self, picture: Picture, rectangle: Rectangle) -> FacePoints:
        """The points of the face in `rectangle`, whether or not there is one."""
        cropped = crop(picture, rectangle, self._size, repeat_border=True)
        answers = self._landmarks.run({self._input: scaled(cropped, 0.0, 1.0)})
        local: NDArray[np.float32] = np.divide(answers["conv2d_21"].reshape(-1, 3), self._size, dtype=np.float32)
        points = np.empty_like(local)
        points[:, :2] = rectangle.to_picture(local[:, :2])
        points[:, 2] = local[:, 2] * rectangle.width
        points.setflags(write=False)
        return FacePoints(points, 1 / (1 + math.exp(-float(answers["conv2d_31"].item()))), rectangle)


def near_detector(runtime: Runtime) -> Detector:
    """The quick one, for faces that fill an eighth of a picture or more."""
    return Detector(runtime, (8, 16, 16, 16), "regressors", "classificators")


def far_detector(runtime: Runtime) -> Detector:
    """The one for faces far away."""
    return Detector(runtime, (4,), "Identity", "Identity_1", anchors=1)


def add_new(known: Sequence[Rectangle], detected: Sequence[Rectangle]) -> list[Rectangle]:
    """`known`, then those of `detected` that hold none of its faces."""
    return [*known, *(new for new in detected if all(new.overlap(old) <= _SAME_FACE for old in known))]


def _rectangle(detection: Detection) -> Rectangle:
    start, end = (detection.points[index] for index in _EYES_OF_DETECTION)
    box = detection.bounds
    rotation = rotation_of(start, end, upright=0.0)
    return Rectangle(box.center_x, box.center_y, box.width, box.height, rotation).square(_MARGIN)
