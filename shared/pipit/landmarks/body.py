"""One body: where it is, and 33 points of it.

    detector (224 px)  ->  square about the hips that reaches over the head  ->  39 points (256 px)  ->  presence
                                       ^                                            |
                                       +--- next picture, by two points of the 39 --+

The network's own coordinates are coarse; each point is moved to the middle of its heat map's peak, where that is
clear. Networks and rules of MediaPipe 0.10.18 (`pose_landmark_cpu`, model complexity 1, smooth_landmarks off), of
"BlazePose" (Bazarevsky et al., 2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipit.landmarks.crop import Picture, crop, scaled
from pipit.landmarks.detector import Detector
from pipit.landmarks.geometry import Points, Rectangle, about, rotation_of
from pipit.landmarks.smoothing import OneEuroFilter, OneEuroParameters
from pipit.runtimes.base import Runtime

BODY_POINTS = 33
_CENTER, _RIM = 33, 34
"""Of the 39: the middle of the hips, and a point of the circle around the whole body."""
_MARGIN = 1.25
_KERNEL = 9
"""Cells of the heat map, each way, that a point's place is averaged over."""
_AROUND = np.arange(_KERNEL) - (_KERNEL - 1) // 2
_CLEAR_PEAK = 0.5
_LEAST_DIAMETER = 1e-6


@dataclass(frozen=True, slots=True)
class BodyPoints:
    """points: float32, shape (39, 4): x, y, z in pixels, z in the scale of x; visibility 0..1. presence: 0..1.

    Read-only: tasks share them.
    """

    points: NDArray[np.float32]
    presence: float


class BodyTrack:
    """Where to look in a stream's next picture: by the circle around the body, smoothed over time."""

    def __init__(self) -> None:
        self._filter = OneEuroFilter(OneEuroParameters(min_cutoff=0.01, beta=10.0))
        self._rectangle: Rectangle | None = None

    @property
    def rectangle(self) -> Rectangle | None:
        """None: the body has to be searched."""
        return self._rectangle

    def follow(self, body: BodyPoints, seconds: float) -> None:
        """seconds: since the picture before."""
        circle = body.points[[_CENTER, _RIM], :2]
        diameter = max(2 * math.dist(*circle.tolist()), _LEAST_DIAMETER)
        self._rectangle = _rectangle(*self._filter.apply(circle, diameter, seconds).astype(np.float32))

    def lose(self) -> None:
        """The body is no longer there."""
        self._filter.reset()
        self._rectangle = None


class BodyFinder:
    """Both body networks. Holds no state; safe for several threads."""

    def __init__(self, detector: Runtime, landmarks: Runtime) -> None:
        self._detector = Detector(detector, (8, 16, 32, 32, 32), "Identity", "Identity_1")
        self._landmarks = landmarks
        self.digests = (detector.digest, landmarks.digest)
        (spec,) = landmarks.inputs
        self._input, self._size = spec.name, spec.shape[0]

    def detect(self, picture: Picture, min_score: float) -> Rectangle | None:
        """Where the landmark network should look for the clearest body."""
        for detection in self._detector.find(picture, min_score):
            return _rectangle(detection.points[0], detection.points[1])
        return None

    def look(self, picture: Picture, rectangle: Rectangle) -> BodyPoints:
        """The points of the body in `rectangle`, whether or not there is one."""
        cropped = crop(picture, rectangle, self._size, repeat_border=True)
        answers = self._landmarks.run({self._input: scaled(cropped, 0.0, 1.0)})
        raw: NDArray[np.float32] = answers["Identity"].reshape(-1, 5)
        local = refine(raw[:, :2] / np.float32(self._size), answers["Identity_3"][0])
        points = np.empty((len(raw), 4), np.float32)
        points[:, :2] = rectangle.to_picture(local)
        points[:, 2] = raw[:, 2] / self._size * rectangle.width
        points[:, 3] = 1 / (1 + np.exp(-raw[:, 3]))
        points.setflags(write=False)
        return BodyPoints(points, float(answers["Identity_1"].item()))


def refine(points: Points, logits: NDArray[np.float32]) -> Points:
    """points: shape (n, 2), 0..1. logits: the heat maps, shape (rows, columns, n).

    A point inside of its map whose surroundings peak at 0.5 or more moves to their mean, weighted by the map.
    """
    rows, columns, count = logits.shape
    places = (points * np.array([columns, rows], np.float32)).astype(np.int64)
    around_x, around_y = (places[:, axis, np.newaxis] + _AROUND for axis in (0, 1))
    on_x, on_y = (np.clip(one, 0, length - 1) for one, length in ((around_x, columns), (around_y, rows)))
    each = np.arange(count)[:, np.newaxis, np.newaxis]
    heat = 1 / (1 + np.exp(-logits[on_y[:, :, np.newaxis], on_x[:, np.newaxis], each]))
    # Beyond the map there is no heat.
    heat *= (on_y == around_y)[:, :, np.newaxis] & (on_x == around_x)[:, np.newaxis]
    inside = ((places >= 0) & (places < (columns, rows))).all(axis=1)
    clear = inside & (heat.max(axis=(1, 2)) >= _CLEAR_PEAK)
    heat = heat[clear].astype(np.float64)
    whole = heat.sum(axis=(1, 2))
    refined = points.copy()
    refined[clear, 0] = (heat.sum(axis=1) * on_x[clear]).sum(axis=1) / whole / columns
    refined[clear, 1] = (heat.sum(axis=2) * on_y[clear]).sum(axis=1) / whole / rows
    return refined


def _rectangle(center: Points, rim: Points) -> Rectangle:
    return about(center, rim, rotation_of(center, rim, upright=math.pi / 2)).square(_MARGIN)
