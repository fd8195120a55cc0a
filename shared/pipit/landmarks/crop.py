"""A rotated rectangle of a picture as a network's input.

Equal to what OpenCV's `warpPerspective` with bilinear interpolation gives MediaPipe, rounding included: positions to
1/32 px, values to 8 bits. Pixel (0, 0) of the crop is the rectangle's corner itself, not half a pixel inside it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pipit.landmarks.geometry import Rectangle

Picture = NDArray[np.uint8]
"""RGB, shape (height, width, 3)."""

_STEPS = 32
_HALF = _STEPS * _STEPS // 2
_BLOCK = 48
"""Rows at a time: what is worked on then stays in the caches, which made it twice as fast."""


def crop(picture: Picture, rectangle: Rectangle, size: int, *, repeat_border: bool) -> Picture:
    """Shape (size, size, 3). Outside of the picture: its border pixels again, or black."""
    x_across, x_down, x_start, y_across, y_down, y_start = _corners(rectangle, size)
    steps = np.arange(size, dtype=np.float64)
    cropped = np.empty((size, size, 3), np.uint8)
    for first in range(0, size, _BLOCK):
        down = steps[first : first + _BLOCK, np.newaxis]
        if rectangle.rotation == 0.0:
            columns, rows = _place(x_start + x_across * steps)[np.newaxis, :], _place(y_start + y_down * down)
        else:
            columns = _place(x_across * steps + (x_down * down + x_start))
            rows = _place(y_across * steps + (y_down * down + y_start))
        cropped[first : first + _BLOCK] = _interpolate(picture, columns, rows, repeat_border=repeat_border)
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


def _place(positions: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(positions * _STEPS).astype(np.int64)


def _interpolate(
    picture: Picture, columns: NDArray[np.int64], rows: NDArray[np.int64], *, repeat_border: bool
) -> Picture:
    """columns, rows: in steps of 1/32 px, shapes that broadcast to (size, size)."""
    height, width = picture.shape[:2]
    left, top = columns >> 5, rows >> 5
    pixels = picture.reshape(-1, 3)

    def take(x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.float32]:
        inside_x, inside_y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
        values: NDArray[np.float32] = pixels.take(inside_y * width + inside_x, axis=0).astype(np.float32)
        if not repeat_border:
            values *= ((inside_x == x) & (inside_y == y))[..., np.newaxis]
        return values

    to_right = (columns & 31).astype(np.float32)[..., np.newaxis]
    to_bottom = (rows & 31).astype(np.float32)[..., np.newaxis]
    above = _between(take(left, top), take(left + 1, top), to_right)
    below = _between(take(left, top + 1), take(left + 1, top + 1), to_right)
    return ((_between(above, below, to_bottom).astype(np.int32) + _HALF) >> 10).astype(np.uint8)


def _between(
    first: NDArray[np.float32], second: NDArray[np.float32], steps: NDArray[np.float32]
) -> NDArray[np.float32]:
    """32 times the value `steps` 32nds of the way from `first` to `second`; both are used up.

    All stay below 2**24, so float32 holds them exactly.
    """
    second -= first
    second *= steps
    first *= _STEPS
    first += second
    return first
