"""Faces made unrecognisable, in pictures of tasks that have no use for them.

    the whole picture: detectors for near and for far faces    ┐
    squares of it, at full size: the one for far faces         ┴──> boxes, made larger ──> a mosaic of 4 x 4 means

All of it in four turns of the picture, for who lies in bed, and for cameras that hang from a ceiling.

More than MediaPipe's own detectors find is not blurred; docs/measured/capture.csv says how much that is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipit.errors import NotFound
from pipit.landmark_networks import FACE_DETECTOR, FAR_FACE_DETECTOR, FOLDER, is_right
from pipit.landmarks.detector import Detector
from pipit.landmarks.face import far_detector, near_detector
from pipit.landmarks.geometry import Rectangle
from pipit.landmarks.networks import RUNTIME
from pipit.runtimes.loader import load_runtime

Pixels = NDArray[np.uint8]

_LEAST = 0.35
"""Score of a face: a hand that is blurred costs less than a face that is not."""
_LEAST_TURNED = 0.55
"""The same for near faces in a picture that is turned, in which more is taken for one that is none."""
_TIGHT = 1.5
"""Of a picture that a face fills, with something around it."""
_TILE, _STEP = 320, 224
"""Pixels, a side of a square that is searched by itself, and from one to the next."""
_LONGEST = 1600
"""Pixels of the longer side that is searched in squares; a larger picture is made smaller for that."""
_MARGIN = 1.6
"""A detector's box goes from the brows to the chin; ears and hair tell who it is, too."""
_CELLS = 4


class FaceBlur:
    """The detectors. For one thread."""

    def __init__(self, folder: Path | None = None) -> None:
        """folder: of the networks; None: this environment's. Raises NotFound where they are not there, or others."""
        folder = folder or FOLDER
        for file in (FACE_DETECTOR, FAR_FACE_DETECTOR):
            if not is_right(folder / file.name, file):
                raise NotFound(f"{folder} lacks {file.name}; run: python -m pipit.landmark_networks {folder}")
        with ExitStack() as stack:
            near = load_runtime(folder / FACE_DETECTOR.name, RUNTIME)
            stack.callback(near.close)
            far = load_runtime(folder / FAR_FACE_DETECTOR.name, RUNTIME)
            stack.callback(far.close)
            self._near, self._far = near_detector(near), far_detector(far)
            self.close = stack.pop_all().close

    def __call__(self, pixels: Pixels) -> tuple[Pixels, int]:
        """pixels: RGB, (height, width, 3). Gives it without the faces that were found, and how many; it stays."""
        faces = self.find(pixels)
        return without(pixels, faces) if faces else pixels, len(faces)

    def find(self, pixels: Pixels) -> list[Rectangle]:
        """Boxes of faces, none of them twice."""
        found: list[Rectangle] = []
        for turns in range(4):
            turned = np.ascontiguousarray(np.rot90(pixels, turns))
            for box in self._search(turned, _LEAST_TURNED if turns else _LEAST):
                here = _turned_back(box, turns, turned.shape[1], turned.shape[0])
                if all(here.overlap(other) < 0.3 for other in found):
                    found.append(here)
        return found

    def _search(self, pixels: Pixels, least: float) -> Iterator[Rectangle]:
        """least: score of a near face."""
        yield from _boxes(self._near, pixels, least)
        yield from _boxes(self._near, pixels, least, _TIGHT)
        yield from _boxes(self._far, pixels, _LEAST)
        height, width = pixels.shape[:2]
        scale = max(1.0, max(width, height) / _LONGEST)
        if scale > 1.0:
            size = (round(width / scale), round(height / scale))
            pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
        for left, top in _corners(pixels.shape[1], pixels.shape[0]):
            for box in _boxes(self._far, pixels[top : top + _TILE, left : left + _TILE], _LEAST):
                yield Rectangle(
                    (box.center_x + left) * scale, (box.center_y + top) * scale, box.width * scale, box.height * scale
                )


def without(pixels: Pixels, faces: Sequence[Rectangle]) -> Pixels:
    """A copy in which nobody knows these faces."""
    blurred = pixels.copy()
    for face in faces:
        _mosaic(blurred, face)
    return blurred


def _turned_back(box: Rectangle, turns: int, width: int, height: int) -> Rectangle:
    """turns: that `np.rot90` made. width, height: of what it gave, pixels."""
    for _ in range(turns):
        box = Rectangle(height - box.center_y, box.center_x, box.height, box.width)
        width, height = height, width
    return box


def _boxes(detector: Detector, pixels: Pixels, least: float, scale: float = 1.0) -> list[Rectangle]:
    return [one.bounds for one in detector.find(pixels, least, scale)]


def _corners(width: int, height: int) -> list[tuple[int, int]]:
    """Of the squares; none of a picture that is no larger than one."""
    if max(width, height) <= _TILE:
        return []
    return [(left, top) for top in _starts(height) for left in _starts(width)]


def _starts(length: int) -> list[int]:
    """The last square ends with the picture."""
    count = 1 + math.ceil(max(0, length - _TILE) / _STEP)
    return [max(0, min(place * _STEP, length - _TILE)) for place in range(count)]


def _mosaic(pixels: Pixels, face: Rectangle) -> None:
    """In place."""
    square = face.square(_MARGIN)
    left, right = (int(square.center_x + sign * square.width / 2) for sign in (-1, 1))
    top, bottom = (int(square.center_y + sign * square.height / 2) for sign in (-1, 1))
    part = pixels[max(top, 0) : max(bottom + 1, 0), max(left, 0) : max(right + 1, 0)]
    if not part.size:
        return
    cells = Image.fromarray(part).resize((_CELLS, _CELLS), Image.Resampling.BOX)
    part[:] = np.asarray(cells.resize((part.shape[1], part.shape[0]), Image.Resampling.NEAREST))
