"""Pictures to a YOLO detector's input, and its raw output to boxes: numpy alone, as ultralytics' own code counts.

    letterbox -> [network] -> decode_yolo -> non_maximum_suppression -> Placement.undo

Sources: https://docs.ultralytics.com/models/yolov8, https://docs.ultralytics.com/modes/predict.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput

FILL = 114
"""Grey level beside a picture that is no square."""
_BITS = 11
"""Of the weights of an 8-bit interpolation."""
_BLOCK = 4096
"""Pixels of a resized picture that are worked on at a time."""
_Integers = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture lies in its letterbox. width, height: its own, pixels. The others: in the letterbox, pixels."""

    width: int
    height: int
    left: int
    top: int
    scaled_width: int
    scaled_height: int

    def undo(self, corners: NDArray[np.floating]) -> NDArray[np.float32]:
        """Boxes of the letterbox as boxes of the picture, cut off at its edges. corners: as of `Detections`."""
        across, down = self.width / self.scaled_width, self.height / self.scaled_height
        moved = corners.astype(np.float64) - (self.left, self.top, self.left, self.top)
        scaled = moved * (across, down, across, down)
        return np.clip(scaled, 0, (self.width, self.height, self.width, self.height)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Detections:
    """corners: float32, (boxes, 4), left, top, right, bottom. scores: float32, (boxes,), falling. classes: (boxes,)."""

    corners: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]

    def at(self, indices: NDArray[np.integer]) -> Detections:
        """These alone, in this order."""
        return Detections(self.corners[indices], self.scores[indices], self.classes[indices])


def letterbox(pixels: NDArray[np.uint8], size: int) -> tuple[NDArray[np.float32], Placement]:
    """The picture as large as fits into a square, in its middle, the rest grey.

    pixels: RGB, uint8, (height, width, 3). Gives float32, 0..1, (3, size, size), and where the picture lies in it.
    Scaled as OpenCV's `INTER_LINEAR` does, which does not smooth first: as detectors are trained.
    """
    height, width, _ = pixels.shape
    ratio = min(size / height, size / width)
    scaled_width, scaled_height = max(round(width * ratio), 1), max(round(height * ratio), 1)
    left, top = round((size - scaled_width) / 2 - 0.1), round((size - scaled_height) / 2 - 0.1)
    values = np.full((3, size, size), FILL, np.float32)
    inside = values[:, top : top + scaled_height, left : left + scaled_width]
    for rows, part in _resized(pixels, scaled_width, scaled_height):
        inside[:, rows] = part
    values /= np.float32(255)
    return values, Placement(width, height, left, top, scaled_width, scaled_height)


def decode_yolo(output: NDArray[Any], threshold: float) -> Detections:
    """Candidates of one picture whose best class scores more than `threshold`, best first; they still overlap.

    output: float, (4 + classes, anchors): centre, width and height in pixels of the letterbox, then each class's
    score. Values that are not finite make no candidate. Raises InvalidInput for another shape.
    """
    if output.ndim != 2 or output.shape[0] < 5:
        raise InvalidInput(f"a detector's output of shape {output.shape} is no (4 + classes, anchors); export it anew")
    best = output[4:].max(axis=0)
    chosen = np.flatnonzero((best > threshold) & np.isfinite(output).all(axis=0))
    chosen = chosen[np.argsort(-best[chosen], kind="stable")]
    across, down, width, height = output[:4, chosen].astype(np.float32)
    corners = np.stack([across - width / 2, down - height / 2, across + width / 2, down + height / 2], axis=1)
    return Detections(corners, best[chosen].astype(np.float32), output[4:, chosen].argmax(axis=0))


def non_maximum_suppression(found: Detections, overlap: float, most: int = 300) -> Detections:
    """Leaves out each box that a better one of its class covers with an intersection over union above `overlap`.

    found: best first. most: boxes to keep at all.
    """
    corners = found.corners.astype(np.float64)
    areas = np.prod(np.maximum(corners[:, 2:] - corners[:, :2], 0), axis=1)
    left = np.arange(len(corners))
    kept: list[int] = []
    while len(left) and len(kept) < most:
        best, left = int(left[0]), left[1:]
        kept.append(best)
        upper = np.maximum(corners[left, :2], corners[best, :2])
        lower = np.minimum(corners[left, 2:], corners[best, 2:])
        shared = np.prod(np.maximum(lower - upper, 0), axis=1)
        # As a product, so that boxes without an area need no exception.
        covered = shared > overlap * (areas[left] + areas[best] - shared)
        left = left[~(covered & (found.classes[left] == found.classes[best]))]
    return found.at(np.array(kept, np.int64))


def _resized(pixels: NDArray[np.uint8], width: int, height: int) -> Iterator[tuple[slice, NDArray[np.integer]]]:
    """Bilinear, in integers of the bits and with the shifts that OpenCV's code for 8-bit pictures has.

    Gives rows of the result and what they hold, 0..255, shape (3, rows, width): a few at a time, so that what is worked
    on stays in the caches.
    """
    if pixels.shape[:2] == (height, width):
        yield slice(0, height), pixels.transpose(2, 0, 1)
        return
    left, right, from_right = _neighbours(pixels.shape[1], width)
    upper, lower, from_lower = _neighbours(pixels.shape[0], height)
    # All reds of a line first, then greens, then blues, as networks take them.
    channels = np.arange(3, dtype=np.intp)[:, np.newaxis]
    first, second = ((3 * places + channels).ravel() for places in (left, right))
    to_second = np.tile(from_right, 3)
    lines = pixels.reshape(pixels.shape[0], -1)

    def across(wanted: _Integers) -> _Integers:
        taken = lines[wanted]
        values: _Integers = taken.take(first, axis=1).astype(np.int32)
        differences: _Integers = taken.take(second, axis=1).astype(np.int32)
        differences -= values
        differences *= to_second
        values <<= _BITS
        values += differences
        values >>= 4
        return values

    step = max(1, _BLOCK // width)
    for start in range(0, height, step):
        rows = slice(start, start + step)
        wanted = np.concatenate([upper[rows], lower[rows]])
        nearest, last = int(wanted[0]), int(wanted[-1])
        if last - nearest < len(wanted):
            # Where a picture is enlarged, several lines of the result lie between the same two of it.
            mixed = across(np.arange(nearest, last + 1, dtype=np.int32))[wanted - nearest]
        else:
            mixed = across(wanted)
        above, below = mixed[: len(wanted) // 2], mixed[len(wanted) // 2 :]
        to_below = from_lower[rows, np.newaxis]
        above *= (1 << _BITS) - to_below
        below *= to_below
        mixed >>= 16
        above += below
        above += 2
        above >>= 2
        yield rows, above.reshape(-1, 3, width).transpose(1, 0, 2)


def _neighbours(length: int, wanted: int) -> tuple[_Integers, _Integers, _Integers]:
    """For each wanted pixel the two nearest along one axis, and the second one's weight."""
    places = ((np.arange(wanted) + 0.5) * (length / wanted) - 0.5).astype(np.float32)
    first = np.floor(places).astype(np.int32)
    weights = np.rint((places - first) * np.float32(1 << _BITS)).astype(np.int32)
    return np.clip(first, 0, length - 1), np.clip(first + 1, 0, length - 1), weights
