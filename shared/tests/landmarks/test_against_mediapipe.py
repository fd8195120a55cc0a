"""Numbers of MediaPipe 0.10.18 (make_reference.py) against Pipit's, in pixels of pictures of about 512 px."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pipit.landmarks import FaceAndBody, Found, split_features

PICTURES = (
    "whole", "wide", "tall", "turned", "turned_back", "cut_left", "cut_top", "mirrored", "small_48", "pair",
)  # fmt: skip
Reference = Mapping[str, NDArray[Any]]


def face_errors(found: Found, expected: NDArray[Any], picture: NDArray[np.uint8]) -> tuple[NDArray[Any], float]:
    """Distance of each point, and the largest difference in depth."""
    height, width = picture.shape[:2]
    off = (split_features(found.features)[0] - expected) * [width, height, width]
    return np.hypot(off[:, 0], off[:, 1]), float(np.abs(off[:, 2]).max())


def body_errors(found: Found, expected: NDArray[Any], picture: NDArray[np.uint8]) -> tuple[NDArray[Any], float]:
    """Distance of each point, and the largest difference in visibility."""
    height, width = picture.shape[:2]
    off = (split_features(found.features)[1] - expected) * [width, height, width, 1]
    return np.hypot(off[:, 0], off[:, 1]), float(np.abs(off[:, 3]).max())


@pytest.fixture(scope="module")
def pictures(made: ModuleType, photograph: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
    result: dict[str, NDArray[np.uint8]] = made.pictures(photograph)
    return result


def test_every_picture_is_compared(pictures: dict[str, Any]) -> None:
    assert set(pictures) == set(PICTURES)


@pytest.mark.parametrize("name", PICTURES)
def test_faces(networks: FaceAndBody, pictures: dict[str, NDArray[np.uint8]], reference: Reference, name: str) -> None:
    picture = pictures[name]
    found = networks.find(picture, faces=None)
    expected = sorted(reference[f"{name}/faces"], key=lambda points: -np.prod(np.ptp(points[:, :2], axis=0)))
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        distances, depth = face_errors(mine, theirs, picture)
        assert distances.max() < 0.05
        assert depth < 0.05


@pytest.mark.parametrize("name", PICTURES)
def test_body(networks: FaceAndBody, pictures: dict[str, NDArray[np.uint8]], reference: Reference, name: str) -> None:
    picture = pictures[name]
    (expected,) = reference[f"{name}/body"]
    (found, *_) = networks.find(picture)
    distances, visibility = body_errors(found, expected, picture)
    assert distances.mean() < 0.5
    assert distances.max() < 2.0
    assert visibility < 0.01


def test_a_stream(networks: FaceAndBody, made: ModuleType, photograph: NDArray[np.uint8], reference: Reference) -> None:
    """What differs in one picture moves the rectangle of the next, and the body's points are then less alike."""
    tracker = networks.open_stream()
    frames = made.frames(photograph)
    for step, frame in enumerate(frames):
        (found,) = tracker.find(frame)
        (face,) = reference[f"frame_{step}/faces"]
        (body,) = reference[f"frame_{step}/body"]
        distances, _ = face_errors(found, face, frame)
        assert distances.max() < 0.2, step
        distances, visibility = body_errors(found, body, frame)
        assert distances.mean() < 4.0, step
        assert visibility < 0.1, step


def test_a_stream_is_not_the_same_as_single_pictures(
    networks: FaceAndBody, made: ModuleType, photograph: NDArray[np.uint8], reference: Reference
) -> None:
    """Otherwise the test above could not tell whether anything is tracked."""
    last = made.frames(photograph)[-1]
    (alone,) = networks.find(last)
    (face,) = reference[f"frame_{made.FRAMES - 1}/faces"]
    (body,) = reference[f"frame_{made.FRAMES - 1}/body"]
    assert face_errors(alone, face, last)[0].max() > 0.4
    assert body_errors(alone, body, last)[0].mean() > 8.0
