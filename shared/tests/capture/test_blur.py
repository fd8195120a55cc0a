"""Faces are found near, far and in large pictures, and nobody is known in what is left of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pipit.capture.blur import FaceBlur
from pipit.errors import NotFound
from pipit.landmark_networks import FACE_DETECTOR, FAR_FACE_DETECTOR

FACE = (225, 120)
"""Its middle in the photograph, whose face is about 110 pixels high."""


def page(photograph: NDArray[np.uint8], width: int, height: int, scale: float) -> tuple[NDArray[np.uint8], int, int]:
    """The photograph at a third of a grey page, and where the face's middle lies."""
    size = round(512 * scale)
    part = np.asarray(Image.fromarray(photograph).resize((size, size), Image.Resampling.LANCZOS))
    pixels = np.full((height, width, 3), 110, np.uint8)
    left, top = (width - size) // 3, (height - size) // 3
    pixels[top : top + size, left : left + size] = part
    return pixels, left + round(FACE[0] * scale), top + round(FACE[1] * scale)


@pytest.mark.parametrize(
    ("width", "height", "scale"), [(512, 512, 1.0), (640, 480, 0.5), (1280, 720, 0.35), (3200, 2400, 1.0)]
)
def test_a_face_is_a_mosaic_and_the_rest_stays(
    networks_folder: Path, photograph: NDArray[np.uint8], width: int, height: int, scale: float
) -> None:
    blur = FaceBlur(networks_folder)
    pixels, x, y = page(photograph, width, height, scale)
    before = pixels.copy()
    blurred, faces = blur(pixels)
    assert faces >= 1
    assert np.array_equal(pixels, before)
    reach = round(40 * scale)
    around = blurred[y - reach : y + reach, x - reach : x + reach].reshape(-1, 3)
    # Of a face of thousands of pixels a few colours are left.
    assert len(np.unique(around, axis=0)) <= 16
    changed = (blurred != before).any(axis=2)
    assert changed[y, x]
    assert changed.mean() < 0.25
    blur.close()


@pytest.mark.parametrize(("turns", "scale"), [(1, 0.15), (2, 0.2), (3, 0.35)])
def test_faces_of_who_lies_and_below_a_camera_that_hangs_are_found(
    networks_folder: Path, photograph: NDArray[np.uint8], turns: int, scale: float
) -> None:
    blur = FaceBlur(networks_folder)
    pixels, x, y = page(photograph, 640, 480, scale)
    turned = np.ascontiguousarray(np.rot90(pixels, turns))
    blurred, faces = blur(turned)
    assert faces >= 1
    assert np.rot90((blurred != turned).any(axis=2), -turns)[y, x]
    blur.close()


def test_where_there_is_no_face_nothing_changes(networks_folder: Path) -> None:
    pixels = np.full((400, 700, 3), 110, np.uint8)
    blurred, faces = FaceBlur(networks_folder)(pixels)
    assert faces == 0
    assert np.array_equal(blurred, pixels)


def test_without_the_right_networks_there_is_no_blur(networks_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"run: python -m pipit\.landmark_networks"):
        FaceBlur(tmp_path)
    (tmp_path / FACE_DETECTOR.name).write_bytes((networks_folder / FACE_DETECTOR.name).read_bytes())
    (tmp_path / FAR_FACE_DETECTOR.name).write_bytes(b"another network")
    with pytest.raises(NotFound, match=FAR_FACE_DETECTOR.name):
        FaceBlur(tmp_path)
