"""Square crops: what a classifier sees of a picture. The same code in the trainer and on the Pi."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipit.types import Box

FILL = 114
"""Grey level beside a picture that is too narrow for its square."""


def square_crop(pixels: NDArray[np.uint8], box: Box | None, margin: float, size: int) -> NDArray[np.uint8]:
    """The square that `square_around` gives, scaled to `size` x `size` with an antialiasing bilinear filter.

    pixels: RGB, uint8, shape (height, width, 3). box: in these pixels. Gives uint8, shape (size, size, 3).
    """
    height, width, _ = pixels.shape
    square = square_around(box, margin, width, height)
    # What the filter reads around the square, so that not the whole of a large picture is copied.
    reach = math.ceil(square.width / size) + 2
    left, right = _bounds(square.left, square.width, reach, width)
    top, bottom = _bounds(square.top, square.height, reach, height)
    part = pixels[max(top, 0) : bottom, max(left, 0) : right]
    beyond = (
        (max(-top, 0), max(bottom - height, 0)),
        (max(-left, 0), max(right - width, 0)),
        (0, 0),
    )
    if any(map(any, beyond)):
        part = np.pad(part, beyond, constant_values=FILL)
    # Fractions of a pixel go into the filter: another processor's last digit then changes a crop by next to nothing.
    left_edge, top_edge = square.left - left, square.top - top
    window = (left_edge, top_edge, left_edge + square.width, top_edge + square.height)
    picture = Image.fromarray(np.ascontiguousarray(part))
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, box=window))


def square_around(box: Box | None, margin: float, width: int, height: int) -> Box:
    """A square around a box, in a picture of `width` x `height`. Without a box, the largest square in the middle.

    margin: added on each side, in longer sides of the box. The square is moved to lie inside the picture. Where it is
    longer than the picture's shorter side it hangs over equally on both sides; it is never longer than the longer one.
    """
    if box is None:
        side = float(min(width, height))
        return Box((width - side) / 2, (height - side) / 2, side, side)
    side = min(max(max(box.width, box.height) * (1 + 2 * margin), 1.0), float(max(width, height)))
    left = _place(box.left + box.width / 2, side, width)
    top = _place(box.top + box.height / 2, side, height)
    return Box(left, top, side, side)


def _place(centre: float, side: float, length: int) -> float:
    if side >= length:
        return (length - side) / 2
    return min(max(centre - side / 2, 0.0), length - side)


def _bounds(start: float, side: float, reach: int, length: int) -> tuple[int, int]:
    """Whole pixels that hold the square; what the filter reaches beyond it only as far as there is picture."""
    first, last = math.floor(start), math.ceil(start + side)
    return min(first, max(first - reach, 0)), max(last, min(last + reach, length))
