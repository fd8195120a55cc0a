from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.landmarks import (
    BODY_MIRROR,
    BODY_POINT_NAMES,
    FACE_MIRROR,
    FEATURE_NAMES,
    FEATURES,
    FaceAndBody,
    join_features,
    mirror_features,
    split_features,
)


def test_names_and_order() -> None:
    assert FEATURES == 1536 == len(FEATURE_NAMES) == len(set(FEATURE_NAMES))
    assert FEATURE_NAMES[:4] == ("face_0_x", "face_0_y", "face_0_z", "face_1_x")
    assert FEATURE_NAMES[1403:1408] == ("face_467_z", "nose_x", "nose_y", "nose_z", "nose_visibility")
    assert FEATURE_NAMES[-1] == "right_foot_index_visibility"


@pytest.mark.parametrize("mirror", [FACE_MIRROR, BODY_MIRROR], ids=["face", "body"])
def test_a_mirror_undoes_itself(mirror: tuple[int, ...]) -> None:
    assert sorted(mirror) == list(range(len(mirror)))
    assert [mirror[mirror[point]] for point in range(len(mirror))] == list(range(len(mirror)))


def test_known_partners() -> None:
    # Corners of the eyes, the mouth, the brows, the cheeks; tip of the nose and chin are on the middle line.
    pairs = {33: 263, 133: 362, 61: 291, 70: 300, 234: 454, 1: 1, 152: 152}
    assert {point: FACE_MIRROR[point] for point in pairs} == pairs
    assert sum(point == partner for point, partner in enumerate(FACE_MIRROR)) == 28
    assert BODY_POINT_NAMES[BODY_MIRROR[BODY_POINT_NAMES.index("left_wrist")]] == "right_wrist"
    assert BODY_MIRROR[0] == 0


def test_a_mirrored_picture_has_mirrored_landmarks(networks: FaceAndBody, photograph: NDArray[np.uint8]) -> None:
    """The proof of FACE_MIRROR: the networks know nothing of it."""
    (straight,) = networks.find(photograph)
    (turned,) = networks.find(np.ascontiguousarray(photograph[:, ::-1]))
    face, body = split_features(mirror_features(straight.features))
    seen_face, seen_body = split_features(turned.features)
    off = np.hypot(*((face - seen_face)[:, :2] * 512).T)
    assert off.mean() < 1.0
    assert off.max() < 4.0
    visible = (body[:, 3] > 0.9) & (seen_body[:, 3] > 0.9)
    assert visible.sum() > 10
    assert np.hypot(*((body - seen_body)[visible, :2] * 512).T).mean() < 10.0
    # Without the exchange of points, the same comparison is off by the width of the face.
    flipped = split_features(straight.features)[0] * [-1, 1, 1] + [1, 0, 0]
    assert np.hypot(*((flipped - seen_face)[:, :2] * 512).T).max() > 60


def test_each_point_of_a_mirrored_face_is_nearest_to_its_partner(
    networks: FaceAndBody, photograph: NDArray[np.uint8]
) -> None:
    """Averaged with its own mirror image, a face is symmetric; no other point may be a better partner by far."""
    (straight,) = networks.find(photograph)
    (turned,) = networks.find(np.ascontiguousarray(photograph[:, ::-1]))
    face = (split_features(straight.features)[0] + split_features(turned.features)[0]) / 2
    mirrored = face * [-1, 1, 1] + [1, 0, 0]
    distances = np.linalg.norm(mirrored[:, np.newaxis] - face[np.newaxis], axis=-1) * 512
    to_partner = distances[np.arange(468), list(FACE_MIRROR)]
    assert to_partner.max() < 3.0
    assert (to_partner - distances.min(axis=1)).max() < 2.0


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_mirroring_twice_gives_the_same_features(seed: int, with_body: bool) -> None:
    features = np.random.default_rng(seed).random((2, 3, FEATURES)).astype(np.float32)
    if not with_body:
        features[..., 1404:] = 0
    twice = mirror_features(mirror_features(features))
    np.testing.assert_allclose(twice, features, atol=1e-6)
    assert twice.dtype == np.float32
    np.testing.assert_array_equal(join_features(*split_features(features)), features)


def test_a_body_that_was_not_found_stays_away() -> None:
    features = np.full(FEATURES, 0.25, np.float32)
    features[1404:] = 0
    mirrored = mirror_features(features)
    assert not mirrored[1404:].any()
    assert set(mirrored[:1404:3].tolist()) == {0.75}
    assert set(mirrored[1:1404:3].tolist()) == {0.25}


def test_another_shape_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"\(\.\.\., 1536\), not \(2, 5\)"):
        split_features(np.zeros((2, 5), np.float32))
