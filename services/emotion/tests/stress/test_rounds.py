from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emotion.stress.pipeline import LEAST_SCALE, Calibration
from emotion.stress.recipe import StressRecipe
from emotion.stress.rounds import (
    ALL,
    WITHIN,
    area_within,
    areas,
    areas_by_person,
    crossvalidate,
    deal,
    why_experimental,
)
from emotion.stress.task import StressTrainer
from emotion.stress.windows import Windows
from pipit.training.intervals import Estimate
from pydantic import ValidationError

Make = Callable[..., StressRecipe]
SURE, SCALED = Estimate(0.8, 100, 0.7, 0.9), Calibration(2.0, 0.0)


def test_everybody_is_tested_once_by_others(make_recipe: Make, synthetic: Path) -> None:
    recipe = make_recipe(crossvalidation_rounds=5)
    recordings = StressTrainer(recipe, synthetic.parent).sources.items()
    people = {recording.participant for recording in recordings}
    tested: list[str] = []
    rounds = list(deal(recipe, recordings))
    assert len(rounds) == 5
    for one in rounds:
        sides = [set(side.participant) for side in (one.train, one.validation, one.test)]
        assert [len(side) for side in sides] == [9, 3, 3]
        assert set.union(*sides) == people
        tested += sides[2]
    assert sorted(tested) == sorted(people)
    again = [set(one.test.participant) for one in deal(make_recipe(seed=2, crossvalidation_rounds=5), recordings)]
    assert again != [set(one.test.participant) for one in rounds]
    # Of three people each is tested; more rounds than people there are not.
    few = [recording for recording in recordings if recording.participant in sorted(people)[:3]]
    assert [len(set(one.test.participant)) for one in deal(recipe, few)] == [1, 1, 1]
    with pytest.raises(ValidationError, match="crossvalidation_rounds"):
        make_recipe(crossvalidation_rounds=1)


@pytest.mark.slow
def test_scores_of_bodies_that_show_stress_are_no_experiment(
    make_recipe: Make, synthetic: Path, quiet: Any, tmp_path: Path
) -> None:
    recipe = make_recipe(epochs=4)
    trainer = StressTrainer(recipe, synthetic.parent)
    found = crossvalidate(recipe, trainer.sources.items(), trainer.kit, tmp_path, quiet)
    assert found[ALL].value > 0.75
    assert found[WITHIN].value > 0.75
    assert found[ALL].samples == sum(len(one.test) for one in deal(recipe, trainer.sources.items()))
    assert why_experimental(found, SCALED) == []
    assert list(tmp_path.iterdir()) == []


def _windows(people: list[str], truth: list[int]) -> Windows:
    count = len(people)
    names, numbers = np.array(people, object), np.zeros(count, np.int64)
    return Windows(np.zeros((count, 5, 6), np.float32), np.array(truth, np.float32), names, names, numbers, numbers)


def test_what_people_differ_by_helps_nobody(make_recipe: Make) -> None:
    """One is always stressed and beats fast, the other hardly ever: their windows are ranked, their own are not."""
    people = [*["fast"] * 10, *["slow"] * 10]
    truth = [*[1] * 8, 0, 0, *[0] * 8, 1, 1]
    scores = np.array([0.9] * 10 + [0.1] * 10, np.float32)
    windows = _windows(people, truth)
    found = areas(make_recipe(), windows, scores)
    assert found[ALL].value == pytest.approx(0.8)
    assert (found[WITHIN].value, found[WITHIN].low, found[WITHIN].high) == (0.5, 0.5, 0.5)
    assert areas_by_person(windows.truth(0.5), scores, windows.participant) == {"fast": 0.5, "slow": 0.5}
    (reason,) = why_experimental({**found, ALL: SURE}, SCALED)
    assert "each participant's own windows is 0.500 (0.500 to 0.500), which may be chance" in reason


def test_whom_nobody_can_tell_apart_is_an_experiment() -> None:
    assert why_experimental({ALL: SURE, WITHIN: SURE}, SCALED) == []
    touching = Estimate(0.6, 100, 0.5, 0.7)
    for name, words in ((ALL, "all windows is 0.600"), (WITHIN, "own windows is 0.600")):
        (reason,) = why_experimental({ALL: SURE, WITHIN: SURE, name: touching}, SCALED)
        assert words in reason
    # Worse than chance is no better than chance.
    assert len(why_experimental({ALL: Estimate(0.3, 100, 0.2, 0.4), WITHIN: SURE}, SCALED)) == 1
    assert why_experimental({ALL: SURE}, SCALED) == [
        "too few people to tell how well scores rank each participant's own windows"
    ]
    assert len(why_experimental({ALL: Estimate(0.9, 10), WITHIN: SURE}, SCALED)) == 1
    (reason,) = why_experimental({ALL: SURE, WITHIN: SURE}, Calibration(LEAST_SCALE, 0.1))
    assert "nearly one score" in reason
    truth = np.array([0, 1, 1], np.int64)
    assert area_within(truth, np.zeros(3, np.float32), np.array(["a", "a", "b"], object), 1) is None
