"""A rotated rectangle of a picture as a network's input.

Equal to what OpenCV's `warpPerspective` with bilinear interpolation gives MediaPipe, rounding included: positions to
1/32 px, values to 8 bits. Pixel (0, 0) of the crop is the rectangle's corner itself, not half a pixel inside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipit.landmarks.geometry import Rectangle

Picture = NDArray[np.uint8]
"""RGB, shape (height, width, 3)."""

_STEPS = 32
_HALF = _STEPS * _STEPS // 2
_BLOCK = 4096
"""Pixels at a time: what is worked on then stays in the caches, and its memory is not given back to the system and
asked for again each time. Blocks three times as large took up to twice as long."""
_BEYOND = 2
"""Pixels beyond an edge that interpolation may read: further out there is nothing but the same again."""
_CHANNELS = 3
Places = NDArray[np.int64]
"""Positions along one axis, in steps of 1/32 px."""


def crop(picture: Picture, rectangle: Rectangle, size: int, *, repeat_border: bool) -> Picture:
    """Shape (size, size, 3). Outside of the picture: its border pixels again, or black."""
    # Steps of a power of 2, so that nothing is rounded by counting in them from the start.
    across_x, down_x, start_x, across_y, down_y, start_y = (_STEPS * value for value in _corners(rectangle, size))
    steps = np.arange(size, dtype=np.float64)
    if rectangle.rotation == 0.0:
        columns, rows = _place(start_x + across_x * steps), _place(start_y + down_y * steps)
        return _interpolate_upright(picture, columns, rows, repeat_border=repeat_border)
    across = across_x * steps, across_y * steps
    down = (down_x * steps + start_x)[:, np.newaxis], (down_y * steps + start_y)[:, np.newaxis]
    ends = np.array([0, size - 1])
    reach = [_place(along[ends] + against[ends]) >> 5 for along, against in zip(across, down, strict=True)]
    region = _Region(picture, *reach, repeat_border=repeat_border)
    cropped = np.empty((size, size, _CHANNELS), np.uint8)
    for block in _blocks(size, size):
        columns, rows = (_place(along + against[block]) for along, against in zip(across, down, strict=True))
        cropped[block] = region.interpolate(columns.ravel(), rows.ravel()).reshape(-1, size, _CHANNELS)
    return cropped


def scaled(cropped: Picture, low: float, high: float) -> NDArray[np.float32]:
    """0..255 to low..high, with a batch axis in front."""
    values = cropped.astype(np.float32)
    values *= (high - low) / 255.0
    values += low
    return values[np.newaxis]


def _corners(rectangle: Rectangle, size: int) -> tuple[float, float, float, float, float, float]:
    """Pixels of the picture for each pixel of the crop to the right and down, and at its first pixel: x, then y."""
    cosine, sine = math.cos(rectangle.rotation), math.sin(rectangle.rotation)
    x_across, y_across = cosine * rectangle.width / size, sine * rectangle.width / size
    x_down, y_down = -sine * rectangle.height / size, cosine * rectangle.height / size
    x_start = rectangle.center_x - (x_across + x_down) * size / 2
    y_start = rectangle.center_y - (y_across + y_down) * size / 2
    return x_across, x_down, x_start, y_across, y_down, y_start


def _place(positions: NDArray[np.float64]) -> Places:
    return np.rint(positions).astype(np.int64)


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    """Of rows."""
    step = max(1, _BLOCK // columns)
    return (slice(start, start + step) for start in range(0, rows, step))


class _Region:
    """The part of a picture that a turned rectangle reads, with what lies beyond its edges."""

    def __init__(self, picture: Picture, columns: Places, rows: Places, *, repeat_border: bool) -> None:
        """columns, rows: pixels at the rectangle's corners. The picture itself is taken where all of it lies inside."""
        height, width = picture.shape[:2]
        self._left = self._top = 0
        self._width = width
        self._limits = width, height
        spans = [(int(places.min()), int(places.max()) + 1) for places in (columns, rows)]
        self._inside = all(low >= 0 and high < length for (low, high), length in zip(spans, self._limits, strict=True))
        if not self._inside:
            (left, right), (top, bottom) = (
                (min(max(low, -_BEYOND), length - 1), max(min(high, length + 1), 0) + 1)
                for (low, high), length in zip(spans, self._limits, strict=True)
            )
            self._left, self._top, self._width = left, top, right - left
            picture = _with_border(picture, left, top, right, bottom, repeat_border=repeat_border)
        self._pixels = picture.reshape(-1, _CHANNELS)

    def interpolate(self, columns: Places, rows: Places) -> NDArray[np.uint8]:
        """Values of the three channels at each place, one after the other."""
        left, top = columns >> 5, rows >> 5
        if not self._inside:
            # What lies further out is equal to the last pixel there is.
            left = np.minimum(np.maximum(left, -_BEYOND), self._limits[0]) - self._left
            top = np.minimum(np.maximum(top, -_BEYOND), self._limits[1]) - self._top
        top *= self._width
        top += left
        # One weight a channel: numpy then multiplies along one axis, not along three values at a time.
        to_right = (columns & 31).astype(np.uint16).repeat(_CHANNELS)
        to_bottom = (rows & 31).astype(np.int32).repeat(_CHANNELS)
        above, below = (
            _between(self._pixels[start:].take(top, axis=0), self._pixels[start + 1 :].take(top, axis=0), to_right)
            for start in (0, self._width)
        )
        return _mix(above, below, _STEPS - to_bottom, to_bottom)


def _between(first: NDArray[np.uint8], second: NDArray[np.uint8], steps: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """32 times the value `steps` 32nds of the way from `first` to `second`, in a row; at most 8,160."""
    values: NDArray[np.uint16] = first.ravel().astype(np.uint16)
    differences: NDArray[np.uint16] = second.ravel().astype(np.uint16)
    # Below 0 these wrap around, and the sum wraps back.
    differences -= values
    differences *= steps
    values <<= 5
    values += differences
    return values


def _mix(
    above: NDArray[np.uint16], below: NDArray[np.uint16], to_above: NDArray[np.int32], to_below: NDArray[np.int32]
) -> NDArray[np.uint8]:
    """The last step of both ways: back to 8 bits, rounded."""
    values: NDArray[np.int32] = above * to_above
    values += below * to_below
    values += _HALF
    values >>= 10
    return values.astype(np.uint8)


def _with_border(picture: Picture, left: int, top: int, right: int, bottom: int, *, repeat_border: bool) -> Picture:
    """Columns `left` to `right` and rows `top` to `bottom`, some of which are inside."""
    height, width = picture.shape[:2]
    region = np.zeros((bottom - top, right - left, _CHANNELS), np.uint8)
    columns = slice(max(left, 0) - left, min(right, width) - left)
    rows = slice(max(top, 0) - top, min(bottom, height) - top)
    region[rows, columns] = picture[max(top, 0) : bottom, max(left, 0) : right]
    if repeat_border:
        region[rows, : columns.start] = region[rows, columns.start, np.newaxis]
        region[rows, columns.stop :] = region[rows, columns.stop - 1, np.newaxis]
        region[: rows.start] = region[rows.start]
        region[rows.stop :] = region[rows.stop - 1]
    return region


def _interpolate_upright(picture: Picture, columns: Places, rows: Places, *, repeat_border: bool) -> Picture:
    """Along the lines that are needed, then between them."""
    height, width = picture.shape[:2]
    left, to_left, right, to_right = _neighbours(columns, width, repeat_border=repeat_border)
    upper, to_upper, lower, to_lower = _neighbours(rows, height, repeat_border=repeat_border)
    first, second = ((places[:, np.newaxis] * _CHANNELS + np.arange(_CHANNELS)).ravel() for places in (left, right))
    to_first, to_second = (weights.astype(np.uint16).repeat(_CHANNELS) for weights in (to_left, to_right))
    lines = picture.reshape(height, width * _CHANNELS)

    def along(wanted: Places) -> NDArray[np.uint16]:
        taken = lines[wanted]
        values: NDArray[np.uint16] = taken.take(first, axis=1) * to_first
        values += taken.take(second, axis=1) * to_second
        return values

    cropped = np.empty((len(rows), len(columns), _CHANNELS), np.uint8)
    for block in _blocks(len(rows), len(columns)):
        above, below = along(upper[block]), along(lower[block])
        mixed = _mix(above, below, to_upper[block, np.newaxis], to_lower[block, np.newaxis])
        cropped[block] = mixed.reshape(-1, len(columns), _CHANNELS)
    return cropped


def _neighbours(
    places: Places, length: int, *, repeat_border: bool
) -> tuple[Places, NDArray[np.int32], Places, NDArray[np.int32]]:
    """For each place the pixel before it and its weight, then the pixel behind it and its weight."""
    before = places >> 5
    behind = before + 1
    to_behind = (places & 31).astype(np.int32)
    to_before = _STEPS - to_behind
    inside_before, inside_behind = (np.minimum(np.maximum(one, 0), length - 1) for one in (before, behind))
    if not repeat_border:
        to_before *= inside_before == before
        to_behind *= inside_behind == behind
    return inside_before, to_before, inside_behind, to_behind
