from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from emotion.stress.data import prior_for, recordings_of, split_participants, windows_for
from emotion.stress.past import Prior
from emotion.stress.recipe import StressRecipe
from emotion.stress.recordings import Recording
from emotion.stress.signals import PHYSIOLOGY
from emotion.stress.task import StressTrainer
from emotion.stress.windows import cut_windows
from pipit.errors import InvalidInput
from pipit.training.sides import SIDES

PRIOR = Prior(np.array([70.0, -3.0, 5.0]), np.array([5.0, 0.3, 0.2]), 4.0)
NAN = np.float32(np.nan)


def _recording(name: str, steps: int, participant: str = "a", seed: int = 1) -> Recording:
    values = np.random.default_rng(seed).uniform(50, 90, (steps, 3)).astype(np.float32)
    return Recording(name, participant, values, np.arange(steps, dtype=np.float32) / steps)


def test_windows_end_with_their_score_and_do_not_cross_recordings() -> None:
    windows = cut_windows([_recording("one", 6), _recording("two", 4, seed=2)], PHYSIOLOGY, PRIOR, 4, 2)
    assert windows.rows.shape == (3, 4, 6)
    assert windows.recording.tolist() == ["one", "one", "two"]
    assert windows.last.tolist() == [3, 5, 3]
    np.testing.assert_allclose(windows.score, [3 / 6, 5 / 6, 3 / 4])
    assert windows.elapsed.tolist() == [3, 5, 9]
    assert windows.truth(0.6).tolist() == [0, 1, 1]


def test_the_past_ends_with_a_recording_unless_it_is_to_go_on() -> None:
    recordings = [_recording("one", 6), _recording("two", 6, seed=2), _recording("other", 6, "b", seed=2)]
    ends = cut_windows(recordings, PHYSIOLOGY, PRIOR, 6, 1)
    goes_on = cut_windows(recordings, PHYSIOLOGY, PRIOR, 6, 1, past_ends=False)
    np.testing.assert_array_equal(ends.rows[1], ends.rows[2])  # The same values, begun anew.
    np.testing.assert_array_equal(goes_on.rows[0], ends.rows[0])
    assert not np.array_equal(goes_on.rows[1], ends.rows[1])
    np.testing.assert_array_equal(goes_on.rows[2], ends.rows[2])  # Another person's past is no part of it.


def test_windows_without_a_score_or_any_value_are_left_out() -> None:
    recording = _recording("one", 8)
    recording.values[2:6] = NAN
    recording.score[7] = NAN
    windows = cut_windows([recording], PHYSIOLOGY, PRIOR, 3, 1)
    # Steps 2..4 and 3..5 hold nothing; step 7 has no score.
    assert windows.last.tolist() == [2, 3, 6]


def test_a_recording_shorter_than_a_window_gives_none() -> None:
    assert len(cut_windows([_recording("one", 3)], PHYSIOLOGY, PRIOR, 4, 1)) == 0
    assert cut_windows([], PHYSIOLOGY, PRIOR, 4, 1).rows.shape == (0, 4, 6)


def test_no_person_is_on_two_sides_and_the_prior_knows_only_those_who_train(
    synthetic: Path, make_recipe: Callable[..., StressRecipe]
) -> None:
    recipe = make_recipe()
    recordings = StressTrainer(recipe, synthetic.parent).sources.items()
    people = split_participants(recipe, recordings)
    assert sorted(name for names in people.values() for name in names) == sorted(
        {recording.participant for recording in recordings}
    )
    assert all(people[side] for side in SIDES)
    of_side = {side: recordings_of(recordings, people[side]) for side in SIDES}
    prior = prior_for(recipe, of_side["train"])
    for recording in of_side["test"]:
        recording.values[:] = 500.0
    np.testing.assert_array_equal(prior_for(recipe, of_side["train"]).mean, prior.mean)
    for side in SIDES:
        assert set(windows_for(recipe, of_side[side], prior).participant) == set(people[side])
    assert split_participants(recipe, recordings) == people


def test_participants_can_be_named(synthetic: Path, make_recipe: Callable[..., StressRecipe]) -> None:
    split = {"rule": "fold", "test_folds": ["PP3", "PP4"], "validation_folds": ["PP5"]}
    recipe = make_recipe(split=split)
    people = split_participants(recipe, StressTrainer(recipe, synthetic.parent).sources.items())
    assert people["test"] == ["synthetic_stress/PP3", "synthetic_stress/PP4"]
    assert people["validation"] == ["synthetic_stress/PP5"]
    assert len(people["train"]) == 12


def test_two_data_sets_of_one_name_are_refused(synthetic: Path, make_recipe: Callable[..., StressRecipe]) -> None:
    source = {"kind": "swell", "path": "synthetic_stress", "licence": "none needed"}
    with pytest.raises(InvalidInput, match="45 recordings bear a name twice"):
        StressTrainer(make_recipe(data=[source, source]), synthetic.parent).sources.items()
