"""Size, sharpness, turn and light of a face."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from pipit.errors import InvalidInput
from pipit.faces.alignment import TEMPLATES, cut_chip, similarity_to
from pipit.faces.quality import QualityLimits, measure_quality, yaw_degrees
from pipit.landmarks import FACE_MIRROR, FaceAndBody


@pytest.fixture(scope="module")
def mesh(networks_folder: object, photograph: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Points of the face in the photograph."""
    networks = FaceAndBody.load(body=False)
    (found,) = networks.find(photograph, body=False)
    networks.close()
    return found.face.points


@pytest.fixture(scope="module")
def chip(mesh: NDArray[np.float32], photograph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return cut_chip(photograph, similarity_to(TEMPLATES["arcface"], mesh), 112, 112)


def turn(points: NDArray[np.float32], degrees: float, axis: int) -> NDArray[np.float32]:
    """About the vertical axis (1) or that of the view (2)."""
    first, second = ((0, 2), (0, 1))[axis - 1]
    angle = math.radians(degrees)
    middle = points.mean(axis=0)
    moved = points.copy()
    x, y = (points - middle)[:, first], (points - middle)[:, second]
    moved[:, first] = middle[first] + math.cos(angle) * x - math.sin(angle) * y
    moved[:, second] = middle[second] + math.sin(angle) * x + math.cos(angle) * y
    return moved


@pytest.mark.parametrize("degrees", [-30, 10, 25])
def test_yaw_follows_the_head(mesh: NDArray[np.float32], degrees: float) -> None:
    assert yaw_degrees(turn(mesh, degrees, 1)) == pytest.approx(yaw_degrees(mesh) + degrees, abs=2)


def test_yaw_does_not_follow_a_lean_and_changes_sides_in_a_mirror(mesh: NDArray[np.float32]) -> None:
    assert yaw_degrees(turn(mesh, 40, 2)) == pytest.approx(yaw_degrees(mesh), abs=0.5)
    mirrored = mesh[list(FACE_MIRROR)] * (-1, 1, 1)
    assert yaw_degrees(mirrored) == pytest.approx(-yaw_degrees(mesh), abs=1e-3)


def test_sizes_are_those_of_the_full_picture(mesh: NDArray[np.float32], chip: NDArray[np.uint8]) -> None:
    small, large = measure_quality(mesh, chip), measure_quality(mesh, chip, 4.0)
    assert (large.box, large.eyes) == pytest.approx((4 * small.box, 4 * small.eyes))
    assert small.box == pytest.approx(float(np.ptp(mesh[:, 1])))
    assert 0.3 < small.eyes / small.box < 0.6
    assert (large.sharpness, large.yaw, large.exposure) == (small.sharpness, small.yaw, small.exposure)


def test_a_blurred_face_is_less_sharp(mesh: NDArray[np.float32], chip: NDArray[np.uint8]) -> None:
    found = []
    for radius in (0, 1, 2, 4):
        blurred = np.asarray(Image.fromarray(chip).filter(ImageFilter.GaussianBlur(radius)))
        found.append(measure_quality(mesh, blurred, 10.0))
    assert [one.sharpness for one in found] == sorted((one.sharpness for one in found), reverse=True)
    assert found[0].sharpness > QualityLimits().sharpness > found[2].sharpness
    assert found[0].score > 0.5 > found[2].score
    assert found[3].score == pytest.approx(found[3].sharpness / (2 * QualityLimits().sharpness))


def test_sharpness_does_not_depend_on_the_light(mesh: NDArray[np.float32], chip: NDArray[np.uint8]) -> None:
    bright, dim = measure_quality(mesh, chip), measure_quality(mesh, chip // 4)
    assert dim.sharpness == pytest.approx(bright.sharpness, rel=0.1)
    assert dim.exposure == pytest.approx(bright.exposure / 4, abs=0.01)


@pytest.mark.parametrize(("level", "score"), [(0, 0.0), (38, 0.5), (242, 0.25), (255, 0.0)])
def test_too_dark_and_too_bright_is_useless(mesh: NDArray[np.float32], level: int, score: float) -> None:
    found = measure_quality(mesh, np.full((112, 112, 3), level, np.uint8), 10.0)
    assert found.exposure == pytest.approx(level / 255, abs=1e-6)
    assert found.sharpness == 0
    assert found.score <= score


def test_at_a_limit_the_score_is_a_half(mesh: NDArray[np.float32], chip: NDArray[np.uint8]) -> None:
    eyes = measure_quality(mesh, chip).eyes
    at_limit = measure_quality(mesh, chip, QualityLimits().eyes / eyes)
    assert at_limit.eyes == pytest.approx(30)
    assert at_limit.score == pytest.approx(min(0.5, at_limit.box / 200))


def test_limits_come_back_from_a_bundle() -> None:
    limits = QualityLimits(box=40, yaw=60)
    assert QualityLimits.from_parameters(limits.to_parameters()) == limits
    assert QualityLimits.from_parameters({"eyes": 20}) == QualityLimits(eyes=20.0)


@pytest.mark.parametrize("wrong", [{"eyes": "wide"}, {"smile": 1}, {"yaw": -1}, {"box": float("inf")}, {"box": None}])
def test_wrong_limits_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="limit"):
        QualityLimits.from_parameters(wrong)
