from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.landmarks.crop import crop, scaled
from pipit.landmarks.geometry import Rectangle, around, rotation_of

PICTURE = np.random.default_rng(3).integers(0, 256, (20, 30, 3), np.uint8)


def test_a_crop_of_its_own_size_is_the_picture_itself() -> None:
    cropped = crop(PICTURE, Rectangle(14, 9, 8, 8), 8, repeat_border=False)
    np.testing.assert_array_equal(cropped, PICTURE[5:13, 10:18])


def test_quarter_turns() -> None:
    cropped = crop(PICTURE, Rectangle(14, 9, 8, 8, math.pi), 8, repeat_border=False)
    np.testing.assert_array_equal(cropped[1:, 1:], PICTURE[5:13, 10:18][::-1, ::-1][:-1, :-1])


def test_pixels_lie_at_the_corners_of_steps_not_in_their_middle() -> None:
    """Twice as large: every other pixel is one of the picture's, those between are their means."""
    cropped = crop(PICTURE, Rectangle(14, 9, 8, 8), 16, repeat_border=False).astype(int)
    source = PICTURE.astype(int)
    np.testing.assert_array_equal(cropped[::2, ::2], source[5:13, 10:18])
    np.testing.assert_array_equal(cropped[::2, 1::2], (source[5:13, 10:18] + source[5:13, 11:19] + 1) // 2)


def test_the_border_is_black_or_repeated() -> None:
    outside = Rectangle(0, 0, 8, 8)
    black = crop(PICTURE, outside, 8, repeat_border=False)
    repeated = crop(PICTURE, outside, 8, repeat_border=True)
    assert not black[:4].any()
    assert not black[:, :4].any()
    np.testing.assert_array_equal(black[4:, 4:], PICTURE[:4, :4])
    np.testing.assert_array_equal(repeated[4:, 4:], PICTURE[:4, :4])
    np.testing.assert_array_equal(repeated[:4, :4], np.broadcast_to(PICTURE[0, 0], (4, 4, 3)))


@given(
    x=st.floats(-40, 70), y=st.floats(-40, 60), side=st.floats(0.5, 90), angle=st.floats(-4, 4), repeat=st.booleans()
)
def test_equal_to_exact_bilinear_interpolation_at_32nds_of_a_pixel(
    x: float, y: float, side: float, angle: float, repeat: bool
) -> None:
    rectangle = Rectangle(x, y, side, side, angle)
    cropped = crop(PICTURE, rectangle, 6, repeat_border=repeat)
    for row, column in ((0, 0), (2, 5), (5, 1)):
        u, v = (column / 6 - 0.5) * side, (row / 6 - 0.5) * side
        place_x = x + math.cos(angle) * u - math.sin(angle) * v
        place_y = y + math.sin(angle) * u + math.cos(angle) * v
        expected = by_hand(place_x, place_y, repeat)
        # A position on the edge between two 32nds may fall to either side.
        steps = 2 * 255 / 32 + 1
        assert np.abs(cropped[row, column].astype(float) - expected).max() <= steps


@given(
    *(st.floats(-60, 90) for _ in range(2)),
    st.floats(0.5, 200),
    st.floats(0.25, 4),
    st.one_of(st.just(0.0), st.floats(-4, 4)),
    st.integers(1, 70),
    st.booleans(),
)
def test_each_pixel_is_the_rounded_mean_of_its_four_neighbours(
    x: float, y: float, width: float, stretch: float, angle: float, size: int, repeat: bool
) -> None:
    """In whole numbers, so that nothing may differ: over every border, upright and turned, in one block and several."""
    rectangle = Rectangle(x, y, width, width * stretch, angle)
    np.testing.assert_array_equal(
        crop(PICTURE, rectangle, size, repeat_border=repeat), in_whole_numbers(rectangle, size, repeat)
    )


def in_whole_numbers(rectangle: Rectangle, size: int, repeat: bool) -> np.ndarray:
    cosine, sine = math.cos(rectangle.rotation), math.sin(rectangle.rotation)
    across_x, across_y = cosine * rectangle.width / size, sine * rectangle.width / size
    down_x, down_y = -sine * rectangle.height / size, cosine * rectangle.height / size
    steps = np.arange(size, dtype=np.float64)
    down = steps[:, np.newaxis]
    start_x = rectangle.center_x - (across_x + down_x) * size / 2
    start_y = rectangle.center_y - (across_y + down_y) * size / 2
    columns = np.rint((across_x * steps + (down_x * down + start_x)) * 32).astype(int)
    rows = np.rint((across_y * steps + (down_y * down + start_y)) * 32).astype(int)
    total = np.zeros((size, size, 3), int)
    for row, below in ((rows >> 5, 32 - (rows & 31)), ((rows >> 5) + 1, rows & 31)):
        for column, beside in ((columns >> 5, 32 - (columns & 31)), ((columns >> 5) + 1, columns & 31)):
            there = repeat | ((row >= 0) & (row < 20) & (column >= 0) & (column < 30))
            values = PICTURE[np.clip(row, 0, 19), np.clip(column, 0, 29)].astype(int)
            total += values * (there * below * beside)[..., np.newaxis]
    return (total + 512) >> 10


def test_a_part_of_a_larger_picture_is_cropped_as_its_copy() -> None:
    """Its rows do not follow each other in memory."""
    part = PICTURE[2:17, 5:25]
    for rectangle in (Rectangle(9, 8, 12, 12), Rectangle(9, 8, 12, 12, 0.3), Rectangle(0, 8, 12, 12, 0.3)):
        np.testing.assert_array_equal(
            crop(part, rectangle, 9, repeat_border=True), crop(part.copy(), rectangle, 9, repeat_border=True)
        )


def by_hand(x: float, y: float, repeat: bool) -> np.ndarray:
    left, top = math.floor(x), math.floor(y)
    total = np.zeros(3)
    for row, down in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, across in ((left, 1 - (x - left)), (left + 1, x - left)):
            if repeat or (0 <= row < 20 and 0 <= column < 30):
                total += PICTURE[min(max(row, 0), 19), min(max(column, 0), 29)] * down * across
    return total


def test_scaled() -> None:
    pixels = np.array([[[0, 51, 255]]], np.uint8)
    np.testing.assert_allclose(scaled(pixels, -1.0, 1.0), [[[[-1, -0.6, 1]]]], atol=1e-6)
    assert scaled(pixels, 0.0, 1.0).dtype == np.float32


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(1, 80), st.floats(-3, 3))
def test_corners_of_a_rectangle(x: float, y: float, side: float, angle: float) -> None:
    corners = Rectangle(x, y, side, 2 * side, angle).to_picture(
        np.array([[0.5, 0.5], [0, 0], [1, 0], [0, 1]], np.float32)
    )
    assert corners[0] == pytest.approx([x, y], abs=1e-4)
    assert math.dist(corners[1], corners[2]) == pytest.approx(side, rel=1e-4)
    assert math.dist(corners[1], corners[3]) == pytest.approx(2 * side, rel=1e-4)
    assert rotation_of(corners[1], corners[2], upright=0.0) == pytest.approx(angle, abs=1e-3)


def test_rectangles() -> None:
    bounds = around(np.array([[1, 2, 9], [5, 12, 9], [3, 4, 9]], np.float32), rotation=0.5)
    assert bounds == Rectangle(3, 7, 4, 10, 0.5)
    assert bounds.square(1.5) == Rectangle(3, 7, 15, 15, 0.5)
    assert Rectangle(0, 0, 2, 2).overlap(Rectangle(1, 0, 2, 2)) == pytest.approx(1 / 3)
    assert Rectangle(0, 0, 2, 2).overlap(Rectangle(5, 0, 2, 2)) == 0.0
    assert Rectangle(0, 0, 0, 0).overlap(Rectangle(0, 0, 0, 0)) == 0.0
