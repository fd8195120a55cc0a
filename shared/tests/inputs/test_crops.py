import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.inputs.crops import FILL, square_around, square_crop
from pipit.types import Box

PICTURE = np.random.default_rng(0).integers(0, 100, (150, 200, 3), np.uint8)


def test_without_a_box_the_middle_is_taken() -> None:
    assert square_around(None, 0.3, 200, 150) == Box(25, 0, 150, 150)
    assert (square_crop(PICTURE, None, 0.3, 150) == PICTURE[:, 25:175]).all()


def test_a_square_box_at_its_own_size_is_copied() -> None:
    assert (square_crop(PICTURE, Box(30, 40, 20, 20), 0.0, 20) == PICTURE[40:60, 30:50]).all()


def test_the_margin_is_added_on_each_side_of_the_longer_side() -> None:
    assert square_around(Box(80, 50, 40, 20), 0.25, 200, 150) == Box(70, 30, 60, 60)


def test_a_square_at_the_edge_is_moved_inside() -> None:
    assert square_around(Box(0, 0, 20, 10), 0.1, 200, 150) == Box(0, 0, 24, 24)
    assert square_around(Box(180, 140, 20, 10), 0.1, 200, 150) == Box(176, 126, 24, 24)


def test_what_a_narrow_picture_lacks_is_grey() -> None:
    crop = square_crop(PICTURE, Box(0, 0, 200, 10), 0.5, 200)
    assert (crop[:25] == FILL).all()
    assert (crop[175:] == FILL).all()
    assert (crop[25:175] == PICTURE).all()


def test_an_enlarged_crop_of_an_even_picture_stays_even() -> None:
    even = np.full((9, 31, 3), (10, 20, 30), np.uint8)
    assert (square_crop(even, Box(3.3, 2.7, 4.1, 1.5), 0.1, 64) == (10, 20, 30)).all()


def test_shrinking_averages() -> None:
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 200
    crop = square_crop(stripes, None, 0.0, 40)
    assert np.abs(crop[:, 1:-1].astype(int) - 100).max() <= 5


def test_a_little_of_a_pixel_changes_little() -> None:
    first = square_crop(PICTURE, Box(30.5 - 1e-5, 40.5, 60, 50), 0.1, 64)
    second = square_crop(PICTURE, Box(30.5 + 1e-5, 40.5, 60, 50), 0.1, 64)
    assert np.abs(first.astype(int) - second).max() <= 1


sides = st.integers(1, 60)
places = st.floats(0, 1)


@given(sides, sides, places, places, places, places, st.floats(0, 2), st.integers(1, 40))
def test_every_box_of_every_picture_gives_a_square(
    width: int, height: int, x: float, y: float, part_x: float, part_y: float, margin: float, size: int
) -> None:
    box = Box(x * width, y * height, part_x * (1 - x) * width, part_y * (1 - y) * height)
    square = square_around(box, margin, width, height)
    assert square.width == square.height <= max(width, height)
    middle = (box.left + box.width / 2, box.top + box.height / 2)
    for start, side, length, at in (
        (square.left, square.width, width, middle[0]),
        (square.top, square.height, height, middle[1]),
    ):
        assert start - 1e-6 <= at <= start + side + 1e-6
        if side <= length:
            assert start >= -1e-6
            assert start + side <= length + 1e-6
        else:
            assert start + side / 2 == pytest.approx(length / 2)
    crop = square_crop(np.full((height, width, 3), 90, np.uint8), box, margin, size)
    assert crop.shape == (size, size, 3)
    assert crop.dtype == np.uint8
    assert 90 <= crop.min() <= crop.max() <= FILL
