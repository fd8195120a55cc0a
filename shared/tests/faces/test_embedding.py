"""What an embedder's settings mean for pixels and for digests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pipit.errors import InvalidInput
from pipit.faces.embedding import EmbedderSettings, rows_of, unit_vectors

ARCFACE = EmbedderSettings("arcface", "arcface", 112, 112, 512)


def chip(width: int = 112, height: int = 112) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Red 0, green 127 or 128, blue 255."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 1] = 127
    pixels[: height // 2, :, 1] = 128
    pixels[..., 2] = 255
    return pixels


def test_pixels_become_what_the_network_was_taught() -> None:
    rows = rows_of([chip(), chip()], ARCFACE)
    assert (rows.shape, rows.dtype) == ((2, 3, 112, 112), np.float32)
    np.testing.assert_allclose(rows[1, :, 0, 0], [-1, 0.5 / 127.5, 1], atol=1e-6)
    np.testing.assert_allclose(rows[1, :, -1, 0], [-1, -0.5 / 127.5, 1], atol=1e-6)


def test_blue_first_and_means_of_each_channel() -> None:
    settings = replace(ARCFACE, bgr=True, mean=(10.0, 100.0, 200.0), deviation=256.0)
    np.testing.assert_allclose(rows_of([chip()], settings)[0, :, 0, 0], [55 / 256, 28 / 256, -10 / 256])


def test_by_the_mean_of_each_picture() -> None:
    row = rows_of([chip(), chip() // 2 + 60], replace(ARCFACE, per_picture=True))
    np.testing.assert_allclose(row.mean(axis=(1, 2, 3)), [0, 0], atol=1e-5)
    np.testing.assert_allclose(row.std(axis=(1, 2, 3)), [1, 1], atol=1e-4)
    flat = rows_of([np.full((112, 112, 3), 9, np.uint8)], replace(ARCFACE, per_picture=True))
    assert not flat.any()


def test_no_face_makes_no_row_and_another_size_is_refused() -> None:
    assert rows_of([], ARCFACE).shape == (0, 3, 112, 112)
    with pytest.raises(InvalidInput, match=r"uint8 of shape \(112, 112, 3\)"):
        rows_of([chip(96)], ARCFACE)


def test_settings_come_back_from_a_bundle() -> None:
    settings = EmbedderSettings("m", "arcface", 96, 112, 128, (1.0, 2.0, 3.0), 128.0, bgr=True, flipped=True)
    assert EmbedderSettings.from_parameters(settings.to_parameters()) == settings
    assert (settings.chip.width, settings.chip.height) == (96, 112)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"template": "oval"}, "no template 'oval'"),
        ({"width": 113}, "at most 112 x 112"),
        ({"dimensions": 0}, "dimensions"),
        ({"deviation": 0}, "deviation"),
        ({"mean": [1, 2]}, "wrong"),
        ({"mean": [1, 2, float("nan")]}, "finite"),
        ({"colour": "sepia"}, "colour"),
    ],
)
def test_settings_that_mean_nothing_are_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        EmbedderSettings.from_parameters({**ARCFACE.to_parameters(), **change})


def test_the_digest_covers_the_network_and_what_is_done_before_it() -> None:
    one = ARCFACE.digest("aa")
    assert one == EmbedderSettings.from_parameters(ARCFACE.to_parameters()).digest("aa")
    others = {
        ARCFACE.digest("ab"),
        replace(ARCFACE, deviation=128.0).digest("aa"),
        replace(ARCFACE, flipped=True).digest("aa"),
        replace(ARCFACE, template="facenet").digest("aa"),
    }
    assert len(others | {one}) == 5


def test_vectors_of_length_one() -> None:
    vectors = unit_vectors(np.array([[3, 4], [0, -2]], np.float32))
    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0, -1]])
    assert vectors.dtype == np.float32
    for wrong in (0.0, float("nan")):
        with pytest.raises(InvalidInput, match="without a direction"):
            unit_vectors(np.array([[1, 0], [wrong, 0]]))
