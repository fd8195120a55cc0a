"""Single-shot detectors: anchors, decoding, weighted non-maximum suppression.

The parameters and rules are those of MediaPipe 0.10.18 (`SsdAnchorsCalculator`, `TensorsToDetectionsCalculator`,
`NonMaxSuppressionCalculator` with the algorithm WEIGHTED, from Bazarevsky et al., "BlazeFace", 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipit.landmarks.crop import Picture, crop, scaled
from pipit.landmarks.geometry import Points, Rectangle
from pipit.runtimes.base import Runtime

_LARGEST_LOGIT = 80.0
"""MediaPipe cuts at 100; exp of that is over float32, and the scores are the same."""
_OVERLAP = 0.3
"""Boxes that overlap more are one detection."""


@dataclass(frozen=True, slots=True)
class Detection:
    """bounds: upright, in pixels. points: the detector's few key points, shape (n, 2), in pixels. score: 0..1."""

    bounds: Rectangle
    points: Points
    score: float


class Detector:
    """One detector network. Safe for several threads."""

    def __init__(self, runtime: Runtime, strides: Sequence[int], boxes: str, logits: str, anchors: int = 2) -> None:
        """strides: pixels between the anchors of each layer. boxes, logits: names of the outputs.

        anchors: in a cell, for each layer.
        """
        (spec,) = runtime.inputs
        self._runtime = runtime
        self._input = spec.name
        self._size = spec.shape[0]
        self._boxes, self._logits = boxes, logits
        self._anchors = anchor_centers(self._size, strides, anchors)

    def find(self, picture: Picture, min_score: float, scale: float = 1.0) -> list[Detection]:
        """Best first. The picture is fitted into the network's square, black beside it.

        scale: the square's side over the longer one of the picture.
        """
        height, width = picture.shape[:2]
        whole = Rectangle(width / 2, height / 2, width, height).square(scale)
        square = crop(picture, whole, self._size, repeat_border=False)
        answers = self._runtime.run({self._input: scaled(square, -1.0, 1.0)})
        scores = _sigmoid(answers[self._logits][0, :, 0])
        likely = scores >= min_score
        values = answers[self._boxes][0, likely] / self._size
        # Center, size, then key points: all offsets are from the anchor, whose own size is 1.
        values[:, 0:2] += self._anchors[likely]
        values[:, 4:] += np.tile(self._anchors[likely], (values.shape[1] - 4) // 2)
        merged = merge_overlapping(_center_to_corners(values), scores[likely])
        return [_to_detection(row, score, whole) for row, score in merged]


def anchor_centers(size: int, strides: Sequence[int], each: int = 2) -> NDArray[np.float32]:
    """Shape (anchors, 2): x and y, 0..1. `each` anchors a cell for each layer; layers of one stride share a grid."""
    layers: list[NDArray[np.float32]] = []
    for stride in sorted(set(strides)):
        cells = -(-size // stride)
        y, x = np.mgrid[0:cells, 0:cells].astype(np.float32)
        centers = (np.stack([x, y], axis=-1).reshape(-1, 2) + np.float32(0.5)) / np.float32(cells)
        layers.append(np.repeat(centers, each * strides.count(stride), axis=0))
    return np.concatenate(layers)


def merge_overlapping(
    rows: NDArray[np.float32], scores: NDArray[np.float32]
) -> list[tuple[NDArray[np.float32], float]]:
    """Each group of boxes that overlap its best one becomes their mean, weighted by score. Best first.

    rows: left, top, right, bottom, and any further coordinates. Boxes turned inside out are left out.
    """
    order = np.argsort(-scores, kind="stable")
    order = order[(rows[order, 2] >= rows[order, 0]) & (rows[order, 3] >= rows[order, 1])]
    merged = []
    while len(order):
        near = _overlaps(rows[order], rows[order[0]]) > _OVERLAP
        near[0] = True
        group = order[near]
        weights = scores[group, np.newaxis]
        merged.append(((rows[group] * weights).sum(axis=0) / weights.sum(), float(scores[order[0]])))
        order = order[~near]
    return merged


def _overlaps(rows: NDArray[np.float32], best: NDArray[np.float32]) -> NDArray[np.float32]:
    corner = np.minimum(rows[:, 2:4], best[2:4]) - np.maximum(rows[:, 0:2], best[0:2])
    shared = np.clip(corner, 0, None).prod(axis=1)
    union = (rows[:, 2:4] - rows[:, 0:2]).prod(axis=1) + (best[2:4] - best[0:2]).prod() - shared
    overlaps: NDArray[np.float32] = shared / np.maximum(union, np.finfo(np.float32).tiny)
    return overlaps


def _center_to_corners(values: NDArray[np.float32]) -> NDArray[np.float32]:
    center, half = values[:, 0:2], values[:, 2:4] / 2
    return np.concatenate([center - half, center + half, values[:, 4:]], axis=1)


def _to_detection(row: NDArray[np.float32], score: float, whole: Rectangle) -> Detection:
    points = whole.to_picture(row.reshape(-1, 2))
    (left, top), (right, bottom) = points[:2].tolist()
    bounds = Rectangle((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
    return Detection(bounds, points[2:], score)


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.float32(1) / (np.float32(1) + np.exp(np.clip(-logits, -_LARGEST_LOGIT, _LARGEST_LOGIT)))
