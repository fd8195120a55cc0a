from __future__ import annotations

import numpy as np
import pytest
from emotion.stress.signals import LANDMARKS, PHYSIOLOGY
from emotion.stress.synthetic import synthesise_faces
from pipit.errors import InvalidInput
from pipit.inputs.landmarks import split_features


def test_physiology_is_compared_by_logarithms_and_999_is_missing() -> None:
    values = np.array([[60.0, 0.05, 200.0], [999.0, np.nan, 999.0]], np.float32)
    found = PHYSIOLOGY.check(values)
    np.testing.assert_allclose(found[0], [60.0, np.log(0.05), np.log(200.0)], rtol=1e-6)
    assert np.isnan(found[1]).all()
    assert values[1, 0] == 999.0  # The caller's numbers stay as they were.
    assert PHYSIOLOGY.present(found).tolist() == [[True] * 3, [False] * 3]
    assert PHYSIOLOGY.channels == 6


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((2, 4), np.float32), r"shape \(steps, 3\), not float32 \(2, 4\)"),
        (np.zeros(3, np.float32), "shape"),
        (np.ones((2, 3), np.float64), "must be float32"),
        (np.full((1, 3), np.inf, np.float32), "infinite"),
        (np.array([[-1.0, 0.1, 1.0]], np.float32), "above 0"),
        (np.array([[60.0, 0.0, 1.0]], np.float32), "above 0"),
    ],
)
def test_impossible_physiology_is_refused(values: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        PHYSIOLOGY.check(values)


def test_landmarks_do_not_tell_where_or_how_large_a_face_is() -> None:
    features = synthesise_faces(4, np.random.default_rng(1))
    face, body = (part.copy() for part in split_features(features))
    for points in (face, body):
        points[..., :2] = points[..., :2] * 0.4 + [0.1, 0.3]
        points[..., 2] *= 0.4
    moved = np.concatenate([face.reshape(4, -1), body.reshape(4, -1)], axis=1)
    np.testing.assert_allclose(LANDMARKS.check(moved), LANDMARKS.check(features), atol=1e-3)


def test_landmarks_still_tell_an_expression() -> None:
    calm, drawn = (synthesise_faces(4, np.random.default_rng(1), strain) for strain in (0.0, 1.0))
    assert np.abs(LANDMARKS.check(calm) - LANDMARKS.check(drawn)).max() > 0.2


@pytest.mark.parametrize("nothing", [0.0, np.nan])
def test_a_face_that_was_not_found_is_missing_and_so_is_its_body(nothing: float) -> None:
    features = synthesise_faces(3, np.random.default_rng(1))
    features[1] = nothing
    features[2, 1404:] = 0.0
    found = LANDMARKS.check(features)
    assert LANDMARKS.present(found).tolist() == [[True, True], [False, False], [True, False]]
    assert np.isfinite(found[0]).all()
    assert LANDMARKS.channels == 1538


def test_half_a_face_is_refused() -> None:
    features = synthesise_faces(2, np.random.default_rng(1))
    features[1, 7] = np.nan
    with pytest.raises(InvalidInput, match="send all of them, or none"):
        LANDMARKS.check(features)
