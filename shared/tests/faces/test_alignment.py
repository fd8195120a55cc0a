"""Faces are brought to a template: by the right similarity, and without steps or waves that were not there."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.faces.alignment import (
    FIVE,
    TEMPLATES,
    ChipTemplate,
    Similarity,
    cut_chip,
    estimate_similarity,
    key_points,
    similarity_to,
)

SIZE = 300


def waves(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """A picture as a function of its place, 40..215."""
    return 127.5 + 50 * np.sin(x / 17) + 37.5 * np.cos(y / 23)


def picture(size: int = SIZE, pixel: float = 1.0) -> NDArray[np.uint8]:
    """`waves` in grey. pixel: how wide one is."""
    y, x = np.mgrid[0:size, 0:size] * pixel
    return np.repeat(np.rint(waves(x, y)).astype(np.uint8)[..., np.newaxis], 3, axis=2)


def turned(scale: float, degrees: float, right: float = 0.0, down: float = 0.0) -> Similarity:
    angle = math.radians(degrees)
    return Similarity(scale * math.cos(angle), scale * math.sin(angle), right, down)


def mesh_at(template: ChipTemplate, back: Similarity) -> NDArray[np.float32]:
    """A face of 468 points whose key points lie where `back` brings those of the template; the others far away."""
    points = np.full((468, 3), 1e4, np.float32)
    wanted = {name: back.apply(np.array([place]))[0] for name, place in template.places.items()}
    for side, outer, inner in (("left", 33, 133), ("right", 263, 362)):
        middle = wanted.get(f"{side}_eye")
        if middle is None:
            points[[outer, inner], :2] = wanted[f"{side}_eye_outer"], wanted[f"{side}_eye_inner"]
        else:
            points[[outer, inner], :2] = middle + np.array([[-6, -1], [6, 1]])
    for name, index in (("nose_tip", 1), ("nose_base", 2), ("left_mouth", 61), ("right_mouth", 291)):
        if name in wanted:
            points[index, :2] = wanted[name]
    return points


numbers = st.floats(-500, 500)


@given(st.floats(0.01, 50), st.floats(-179, 179), numbers, numbers)
def test_a_known_similarity_is_recovered(scale: float, degrees: float, right: float, down: float) -> None:
    known = turned(scale, degrees, right, down)
    source = np.array(list(TEMPLATES["arcface"].places.values()))
    found = estimate_similarity(source, known.apply(source))
    assert found.scale == pytest.approx(scale, rel=1e-9)
    assert found.degrees == pytest.approx(degrees, abs=1e-6)
    np.testing.assert_allclose(found.apply(source), known.apply(source), rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(found.inverse().apply(found.apply(source)), source, rtol=1e-6, atol=1e-6)


def test_points_that_fit_no_similarity_are_fitted_by_least_squares() -> None:
    generator = np.random.default_rng(0)
    source = generator.uniform(0, 100, (5, 2))
    target = turned(0.7, 25, 12, -3).apply(source) + generator.normal(0, 4, (5, 2))
    # The same in matrices, as a general solver has it.
    rows = np.zeros((10, 4))
    rows[0::2] = np.stack([source[:, 0], -source[:, 1], np.ones(5), np.zeros(5)], axis=1)
    rows[1::2] = np.stack([source[:, 1], source[:, 0], np.zeros(5), np.ones(5)], axis=1)
    solved = np.linalg.lstsq(rows, target.ravel())[0]
    found = estimate_similarity(source, target)
    np.testing.assert_allclose([found.a, found.b, found.right, found.down], solved, atol=1e-9)


def test_a_face_whose_points_fall_together_is_refused() -> None:
    with pytest.raises(InvalidInput, match="lie in one place"):
        estimate_similarity(np.full((5, 2), 3.0), np.zeros((5, 2)))
    with pytest.raises(InvalidInput, match="no face to align"):
        cut_chip(picture(), Similarity(1e-5, 0, 0, 0), 112, 112)


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_the_points_of_a_face_land_where_its_template_says(name: str) -> None:
    template = TEMPLATES[name]
    points = mesh_at(template, turned(1.9, -35, 240, 180))
    forth = similarity_to(template, points)
    assert forth.scale == pytest.approx(1 / 1.9, rel=1e-5)
    assert forth.degrees == pytest.approx(35, abs=1e-4)
    places = forth.apply(key_points(points, tuple(template.places)))
    np.testing.assert_allclose(places, list(template.places.values()), atol=1e-3)


def test_templates_have_the_eyes_where_networks_were_taught_to_find_them() -> None:
    assert TEMPLATES["arcface"].places["left_eye"] == (38.2946, 51.6963)
    assert TEMPLATES["arcface"].places["right_mouth"] == pytest.approx((70.7299, 92.2041))
    assert TEMPLATES["dlib"].places["left_eye_outer"] == pytest.approx((37.0575, 46.3727), abs=1e-3)
    assert TEMPLATES["dlib"].places["nose_base"] == pytest.approx((74.0112, 87.7798), abs=1e-3)
    assert {name: round(template.eyes_apart, 2) for name, template in TEMPLATES.items()} == {
        "arcface": 35.24,
        "dlib": 52.55,
        "facenet": 50.34,
    }


def test_the_middle_of_a_template() -> None:
    cut = TEMPLATES["arcface"].cut(96, 112)
    assert (cut.width, cut.height, cut.eyes_apart) == (96, 112, TEMPLATES["arcface"].eyes_apart)
    assert cut.places["nose_tip"] == pytest.approx((48.0252, 71.7366))
    with pytest.raises(InvalidInput, match="at most 112 x 112"):
        TEMPLATES["arcface"].cut(113, 112)


@pytest.mark.parametrize("degrees", [0, 20, -35, 90, 180])
@pytest.mark.parametrize("scale", [0.6, 1.0, 1.7])
def test_each_pixel_of_a_chip_comes_from_its_place(scale: float, degrees: float) -> None:
    back = turned(1 / scale, degrees)
    middle = back.apply(np.array([[55.5, 55.5]]))[0]
    back = turned(1 / scale, degrees, *((SIZE - 1) / 2 - middle))
    chip = cut_chip(picture(), back.inverse(), 112, 112)
    y, x = np.mgrid[0:112, 0:112].astype(float)
    places = back.apply(np.stack([x.ravel(), y.ravel()], axis=1))
    wanted = waves(places[:, 0], places[:, 1]).reshape(112, 112)
    assert chip.shape == (112, 112, 3)
    difference = np.abs(chip[..., 0] - wanted)
    assert difference.mean() < 0.7
    assert difference.max() < 3


def test_a_large_face_is_smoothed_before_it_is_made_small() -> None:
    """Stripes two pixels wide, eight of which fall into a pixel of the chip, become their mean."""
    stripes = np.zeros((1200, 1200, 3), np.uint8)
    stripes[:, 0::4] = stripes[:, 1::4] = 200
    chip = cut_chip(stripes, turned(1 / 8, 12, 0, 0), 112, 112)
    assert np.abs(chip[20:90, 20:90].astype(int) - 100).max() <= 4


def test_of_a_larger_picture_the_chip_is_the_same() -> None:
    """Pixels of half the width, the first of which lies a quarter of an old one before the old one's middle."""
    y, x = np.mgrid[0 : 2 * SIZE, 0 : 2 * SIZE] / 2 - 0.25
    larger = np.repeat(np.rint(waves(x, y)).astype(np.uint8)[..., np.newaxis], 3, axis=2)
    forth = turned(0.9, 15, -40, -90)
    small = cut_chip(picture(), forth, 112, 112).astype(int)
    large = cut_chip(larger, forth.of_larger(2.0), 112, 112).astype(int)
    assert np.abs(small - large).max() <= 2
    assert np.abs(small - cut_chip(larger, forth, 112, 112)).max() > 20


def test_beyond_the_picture_its_border_goes_on() -> None:
    page = np.zeros((50, 50, 3), np.uint8)
    page[:, -1] = 180
    chip = cut_chip(page, Similarity(1.0, 0.0, 0.0, 0.0), 112, 112)
    assert (chip[:, 60:] == 180).all()
    assert (chip[:, :48] == 0).all()


def test_key_points_are_means_of_the_mesh() -> None:
    points = np.arange(468 * 3, dtype=np.float32).reshape(468, 3)
    assert key_points(points).shape == (len(FIVE), 2)
    np.testing.assert_array_equal(key_points(points, ("left_eye", "nose_base")), [[249, 250], [6, 7]])
