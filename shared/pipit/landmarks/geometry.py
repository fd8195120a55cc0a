"""Rotated rectangles: where in a picture a network looks, and the way of its answers back into the picture.

The rules are MediaPipe's (`DetectionsToRectsCalculator`, `AlignmentPointsRectsCalculator`,
`RectTransformationCalculator`, `LandmarkProjectionCalculator` of release 0.10.18).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipit.types import Box

Points = NDArray[np.float32]
"""Shape (points, 2 or more): x and y first, in pixels."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """In pixels of a picture, y downwards. rotation: radians, clockwise as seen."""

    center_x: float
    center_y: float
    width: float
    height: float
    rotation: float = 0.0

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height

    def square(self, scale: float) -> Rectangle:
        """Its square over the longer side, times `scale`."""
        side = max(self.width, self.height) * scale
        return Rectangle(self.center_x, self.center_y, side, side, self.rotation)

    def to_picture(self, points: Points) -> Points:
        """points: shape (n, 2), 0..1 over the rectangle. Gives pixels of the picture."""
        x = (points[:, 0] - 0.5) * self.width
        y = (points[:, 1] - 0.5) * self.height
        cosine, sine = math.cos(self.rotation), math.sin(self.rotation)
        return np.stack(
            [self.center_x + cosine * x - sine * y, self.center_y + sine * x + cosine * y], axis=1, dtype=np.float32
        )

    @property
    def upright(self) -> Box:
        """Its bounds, as if it were not rotated."""
        return Box(self.center_x - self.width / 2, self.center_y - self.height / 2, self.width, self.height)

    def overlap(self, other: Rectangle) -> float:
        """Intersection over union, rotation left out."""
        return self.upright.overlap(other.upright)


def around(points: Points, rotation: float = 0.0) -> Rectangle:
    """The upright bounds of `points`, to be turned about their centre by `rotation`."""
    left, top = points[:, :2].min(axis=0)
    right, bottom = points[:, :2].max(axis=0)
    return Rectangle(
        float(left + right) / 2, float(top + bottom) / 2, float(right - left), float(bottom - top), rotation
    )


def about(center: Points, edge: Points, rotation: float) -> Rectangle:
    """The square about the circle that has `center` and `edge`, shape (2,), as its centre and a point of its rim."""
    side = 2 * math.hypot(*(float(value) for value in edge[:2] - center[:2]))
    return Rectangle(float(center[0]), float(center[1]), side, side, rotation)


def rotation_of(start: Points, end: Points, upright: float) -> float:
    """How far the line from `start` to `end` is turned from the angle `upright` (radians, y upwards): -pi..pi."""
    angle = upright - math.atan2(-float(end[1] - start[1]), float(end[0] - start[0]))
    return angle - 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))
