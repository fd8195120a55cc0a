from __future__ import annotations

import numpy as np
import pytest
from emotion.expression.classes import LABELS
from emotion.expression.features import ALIGNED, LEFT_EYE, RIGHT_EYE, aligned_points, feature_count, make_features
from emotion.expression.network import rows_of
from emotion.expression.recipe import ExpressionRecipe
from emotion.expression.synthetic import synthesise
from emotion.expression.training import Variation, cut_out, soft_targets, warp
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.landmarks import FACE_MIRROR, join_features, split_features
from pipit.training.by_input.faces.faces import FaceSamples


def _faces(count: int = 7) -> NDArray[np.float32]:
    generator = np.random.default_rng(3)
    return np.stack([synthesise(LABELS[i % 7], i, generator) for i in range(count)])


def test_aligned_features_do_not_change_with_place_size_lean_and_the_shape_of_the_picture() -> None:
    faces = _faces()
    points, body = split_features(faces)
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = points.astype(np.float64) * 1.7
    moved[..., :2] = moved[..., :2] @ turn.T + (0.3, -0.2)
    moved[..., 1] /= 0.75
    other = join_features(moved.astype(np.float32), body)
    np.testing.assert_allclose(
        make_features("aligned", other, 0.75, None), make_features("aligned", faces, 1.0, None), atol=2e-4
    )
    assert not np.allclose(make_features("raw", other, 0.75, None), make_features("raw", faces, 1.0, None), atol=0.01)


def test_aligned_eyes_are_level_and_one_apart() -> None:
    points = aligned_points(_faces(), 1.0)
    right, left = points[:, RIGHT_EYE].mean(axis=1), points[:, LEFT_EYE].mean(axis=1)
    np.testing.assert_allclose(left[:, :2] - right[:, :2], np.tile([1.0, 0.0], (7, 1)), atol=1e-5)
    assert not aligned_points(np.zeros((1, 1536), np.float32), 1.0).any()


def test_a_mirror_is_its_own_inverse_and_exchanges_left_and_right() -> None:
    crops = np.random.default_rng(1).random((7, 48, 48), np.float32)
    samples = FaceSamples(_faces()[:, np.newaxis], np.ones(7, np.float32), crops, np.arange(7))
    mirrored = samples.mirrored()
    back = mirrored.mirrored()
    np.testing.assert_allclose(back.landmarks, samples.landmarks, atol=1e-6)
    np.testing.assert_array_equal(back.crops, crops)
    assert mirrored.crops is not None
    np.testing.assert_array_equal(mirrored.crops[:, :, 0], crops[:, :, -1])
    plain, other = aligned_points(samples.landmarks[:, 0], 1.0), aligned_points(mirrored.landmarks[:, 0], 1.0)
    np.testing.assert_allclose(other, plain[:, FACE_MIRROR] * (-1.0, 1.0, 1.0), atol=1e-4)
    # The right corner of the mouth still lies on the person's right: left of the picture's middle.
    assert (other[:, 61, 0] < other[:, 291, 0]).all()


def test_features_with_a_crop_end_in_its_pixels_and_need_one() -> None:
    crops = np.random.default_rng(1).random((7, 48, 48), np.float32)
    rows = make_features("aligned_crop", _faces(), 1.0, crops)
    assert rows.shape == (7, feature_count("aligned_crop"))
    np.testing.assert_array_equal(rows[:, ALIGNED:], crops.reshape(7, -1))
    with pytest.raises(InvalidInput, match="send the picture"):
        make_features("aligned_crop", _faces(), 1.0, None)


def test_a_variation_mirrors_and_adds_noise_of_the_spread_it_is_told(make_recipe: type[ExpressionRecipe]) -> None:
    recipe = make_recipe(augmentation={"mirror": 0.5, "noise": 0.1})
    pairs = np.zeros((2000, 2, 3), np.float32)
    pairs[:, 1] = 100.0
    varied, targets = Variation(recipe, np.array([1.0, 2.0, 0.0], np.float32))(
        {"features": pairs}, np.arange(2000), np.random.default_rng(1)
    )
    rows = varied["features"]
    assert 0.45 < (rows[:, 2] == 100.0).mean() < 0.55
    noise = rows - np.where(rows[:, 2:] == 100.0, 100.0, 0.0)
    np.testing.assert_allclose(noise.std(axis=0), [0.1, 0.2, 0.0], atol=0.01)
    np.testing.assert_array_equal(targets, np.arange(2000))


def test_a_crop_is_left_out_as_often_as_told_and_its_points_stay(make_recipe: type[ExpressionRecipe]) -> None:
    recipe = make_recipe(
        network="joined",
        data=[{"kind": "fer2013", "path": "few", "licence": "research"}],
        features={"kind": "aligned_crop"},
        augmentation={"noise": 0.0, "crop_dropout": 0.25},
    )
    pairs = np.ones((2000, 2, ALIGNED + 4), np.float32)
    varied, _ = Variation(recipe, np.ones(ALIGNED, np.float32))(
        {"features": pairs}, np.arange(2000), np.random.default_rng(1)
    )
    rows = varied["features"]
    assert (rows[:, :ALIGNED] == 1.0).all()
    left_out = (rows[:, ALIGNED:] == 0.0).all(axis=1)
    assert (rows[~left_out, ALIGNED:] == 1.0).all()
    assert 0.22 < left_out.mean() < 0.28


def test_a_warp_of_nothing_changes_nothing_and_one_of_something_moves_pixels() -> None:
    crops = np.random.default_rng(1).random((3, 48 * 48), np.float32)
    np.testing.assert_allclose(warp(crops, 0.0, np.random.default_rng(1)), crops, atol=1e-4)
    assert np.abs(warp(crops, 0.1, np.random.default_rng(1)) - crops).mean() > 0.05


def test_a_cut_out_is_one_rectangle_inside_of_the_crop_that_holds_its_mean() -> None:
    crops = np.random.default_rng(1).random((40, 48 * 48), np.float32)
    cut = cut_out(crops, np.random.default_rng(2)).reshape(-1, 48, 48)
    shares = []
    for before, after in zip(crops.reshape(-1, 48, 48), cut, strict=True):
        rows, columns = np.nonzero(before != after)
        inside = after[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert len(rows) == inside.size
        np.testing.assert_allclose(inside, before.mean(), rtol=1e-5)
        shares.append(inside.size / before.size)
    assert 0.09 < min(shares) < 0.15
    assert 0.28 < max(shares) < 0.36


def test_soft_targets_spread_their_smoothing_evenly() -> None:
    targets = soft_targets(np.array([2, 0]), 0.07)
    np.testing.assert_allclose(targets[0], [0.01, 0.01, 0.94, 0.01, 0.01, 0.01, 0.01], rtol=1e-5)
    assert targets[1].argmax() == 0


def test_frames_are_kept_apart(make_recipe: type[ExpressionRecipe]) -> None:
    recipe = make_recipe(network="temporal", features={"kind": "raw", "frames": 3})
    landmarks = _faces(6).reshape(2, 3, 1536)
    rows = rows_of(recipe, FaceSamples(landmarks, np.ones(2, np.float32), None, np.zeros(2, np.int64)))
    np.testing.assert_array_equal(rows, landmarks)
