"""Votes of members: by hand, by the network, and as fitted; and members that can't be any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ad_detection.blocks.ensemble import Ensemble, Member, check_weights, ensemble_of
from ad_detection.blocks.fitting import fit_weights
from ad_detection.blocks.members import find_members, member_of, require_members
from ad_detection.blocks.network import VoteKit, build_network
from ad_detection.blocks.recipe import BlocksRecipe
from ad_detection.blocks.task import BlocksTrainer
from pipit.answers import softmax
from pipit.errors import InvalidInput, NotFound
from pipit.training.recipe import find_recipe, load_recipe

TASK = "ad_detection.blocks"
LOOKS = Member("frames", "ad_detection.frames", "1.0.0", "a" * 64, False, 0.6)
FOLLOWS = Member("temporal", "ad_detection.temporal", "1.0.0", "b" * 64, False, 0.5)
HEARS = Member("audio", "ad_detection.audio", "2.1.0", "c" * 64, True, 0.5)
THREE = (LOOKS, FOLLOWS, HEARS)
NONE = np.nan


def said(ensemble: Ensemble, scores: list[list[float]]) -> Any:
    rows = ensemble.rows(np.array(scores))
    return softmax(VoteKit().outputs(build_network(ensemble), rows))[:, 0]


def test_the_guides_vote_is_the_mean_by_weight() -> None:
    ensemble = Ensemble(THREE, "weighted", (0.5, 0.3, 0.2))
    found = said(ensemble, [[0.9, 0.5, 0.1], [0.9, NONE, 0.1], [NONE, NONE, 0.3], [NONE, NONE, NONE]])
    np.testing.assert_allclose(found, [0.62, 0.47 / 0.7, 0.3, 0.5], atol=1e-5)
    rows = ensemble.rows(np.array([[0.9, 0.5, 0.1], [0.9, NONE, NONE]]))
    np.testing.assert_allclose(ensemble.share(rows), [1.0, 0.5], atol=1e-6)
    assert ensemble.is_whole(rows).tolist() == [True, False]
    assert Ensemble(THREE, "weighted", (0.5, 0.5, 0.0)).is_whole(rows).tolist() == [True, True]


def test_a_majority_counts_members_by_their_own_thresholds_and_a_tie_is_none() -> None:
    ensemble = Ensemble(THREE, "majority", (1.0, 1.0, 1.0))
    found = said(ensemble, [[0.61, 0.5, 0.1], [0.59, 0.5, 0.1], [0.9, NONE, 0.1], [NONE, 0.8, NONE], [0.9, 0.9, 0.9]])
    assert (found >= 0.5).tolist() == [True, False, False, True, True]
    np.testing.assert_allclose(found, [0.5, 0.25, 1 / 3, 0.5, 0.75], atol=1e-5)


def test_a_fitted_vote_adds_log_odds_and_gives_silent_weights_to_others() -> None:
    ensemble = Ensemble((LOOKS, HEARS), "fitted", (1.0, 0.5), -0.2)
    odds = [np.log(0.8 / 0.2), np.log(0.3 / 0.7)]
    wanted = [odds[0] + 0.5 * odds[1] - 0.2, 1.5 * odds[0] - 0.2]
    found = said(ensemble, [[0.8, 0.3], [0.8, NONE]])
    np.testing.assert_allclose(found, 1.0 / (1.0 + np.exp(-np.array(wanted))), atol=1e-5)


def test_weights_are_never_negative_and_find_who_is_right() -> None:
    generator = np.random.default_rng(4)
    truth = generator.uniform(size=4000) < 0.3
    odds = np.where(truth, 2.0, -2.0)[:, np.newaxis] * np.array([1.0, 0.2, -1.0])
    odds = odds + generator.normal(0.0, 1.5, odds.shape)
    scores = 1.0 / (1.0 + np.exp(-odds))
    scores[::5, 1] = np.nan
    weights, bias = fit_weights(Ensemble(THREE, "fitted", (1.0, 1.0, 1.0)).rows(scores), truth)
    assert weights[0] > weights[1] > 0.0
    assert weights[2] == 0.0
    assert bias < 0.0
    with pytest.raises(InvalidInput, match="needs scores of both"):
        fit_weights(Ensemble(THREE, "fitted", (1.0, 1.0, 1.0)).rows(scores), np.ones(4000, bool))


def test_an_ensemble_survives_its_bundle() -> None:
    ensemble = Ensemble(THREE, "fitted", (0.5, 0.0, 2.0), -1.0)
    assert ensemble_of(ensemble.parameters) == ensemble
    for missing in ("members", "voting", "weights", "bias"):
        with pytest.raises(InvalidInput, match="it needs members, voting, weights, bias"):
            ensemble_of({key: value for key, value in ensemble.parameters.items() if key != missing})


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((0.5, 0.5), "2 weights for 3 members"),
        ((0.5, -0.1, 0.6), "numbers from 0 on"),
        ((0.0, 0.0, 0.0), "not all of them 0"),
        ((0.5, float("nan"), 0.5), "numbers from 0 on"),
    ],
)
def test_bad_weights_are_refused(weights: tuple[float, ...], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        check_weights(weights, 3)
    with pytest.raises(InvalidInput, match=message):
        Ensemble(THREE, "weighted", weights)


def recipe_with(**ensemble: Any) -> BlocksRecipe:
    path = find_recipe(BlocksTrainer.recipe_folder, TASK, "base")
    return load_recipe(path, BlocksRecipe, {"ensemble": ensemble})


def test_the_guides_lines_are_a_recipe() -> None:
    recipe = recipe_with(models=["a", "b", "c"], voting="weighted", weights=[0.5, 0.3, 0.2])
    assert recipe.ensemble.weights == (0.5, 0.3, 0.2)
    with pytest.raises(InvalidInput, match="2 weights for 3 members"):
        recipe_with(models=["a", "b", "c"], voting="weighted", weights=[0.5, 0.3])
    with pytest.raises(InvalidInput, match="leave weights out"):
        recipe_with(models=["a", "b"], voting="majority", weights=[0.5, 0.5])
    with pytest.raises(InvalidInput, match="a vote is fitted in one go"):
        load_recipe(find_recipe(BlocksTrainer.recipe_folder, TASK, "base"), BlocksRecipe, {"epochs": 3})


def test_members_are_found_or_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no member nobody"):
        find_members(["nobody"])
    with pytest.raises(NotFound, match="is neither a bundle"):
        find_members([str(tmp_path)])
    assert require_members((), THREE) == THREE


def test_a_member_of_the_registry_is_known_by_its_digest(manifest_bytes: bytes) -> None:
    asked = []

    def registered(task: str, version: str) -> bytes:
        asked.append((task, version))
        return manifest_bytes

    first, second = find_members(["ad_detection.frames@1.2.0", "ad_detection.frames@1.2.0"], registered)
    assert asked == [("ad_detection.frames", "1.2.0")] * 2
    assert (first.name, second.name) == ("frames", "frames_2")
    assert (first.task, first.version, first.hears, first.threshold) == ("ad_detection.frames", "1.2.0", False, 0.7)
    assert len(first.digest) == 64


def test_what_says_nothing_of_advertisements_is_no_member(manifest: Any) -> None:
    with pytest.raises(InvalidInput, match="its labels are cat, dog, and have to be ad and content"):
        member_of(manifest.model_copy(update={"labels": ("cat", "dog")}), "0" * 64)
    wrong = manifest.model_copy(update={"input": manifest.input.model_copy(update={"kind": "landmarks"})})
    with pytest.raises(InvalidInput, match="takes a landmarks, and no pictures and no sound"):
        member_of(wrong, "0" * 64)
