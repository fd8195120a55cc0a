from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from emotion.stress.recipe import StressRecipe
from emotion.stress.scores import counts_of, measure, ranking, references
from emotion.stress.windows import Windows
from pipit.bundle.manifest import Decision

Make = Callable[..., StressRecipe]


def _windows(people: int, seed: int, clock: bool = True) -> Windows:
    """20 windows each. Stress is in the second half, and in the first channel; without a clock, everywhere."""
    generator = np.random.default_rng(seed)
    count = people * 20
    elapsed = np.tile(np.arange(20), people)
    score = (elapsed >= 10) if clock else generator.random(count) < 0.5
    rows = generator.normal(size=(count, 5, 6)).astype(np.float32)
    rows[:, :, 0] += score[:, np.newaxis]
    names = np.repeat(np.array([f"p{i}" for i in range(people)], object), 20)
    return Windows(rows, score.astype(np.float32), names, names, elapsed, elapsed)


def test_accuracy_and_area_have_intervals_over_people(make_recipe: Make) -> None:
    windows = _windows(6, 1)
    stressed = np.where(windows.truth(0.5) == 1, 0.75, 0.25).astype(np.float32)
    stressed[:20] = 1.0 - stressed[:20]  # One person is answered all wrongly.
    scores = np.stack([1.0 - stressed, stressed], axis=1)
    found = measure(make_recipe(), scores, windows, Decision(thresholds={"stressed": 0.5}))
    assert found.accuracy.value == pytest.approx(5 / 6)
    assert found.groups == 6
    assert found.accuracy.low is not None
    assert found.accuracy.low < 0.7  # Drawn by people: one of six weighs much.
    area = ranking(make_recipe(), stressed, windows)
    assert area is not None
    # Of each label, 50 windows are answered rightly and 10 wrongly: pairs that are won, and ties.
    assert area.value == pytest.approx((5 / 6) ** 2 + 0.5 * 2 * (5 / 36))
    assert area.low is not None
    assert area.low < area.value


def test_the_clock_is_good_where_the_order_gives_the_answer_away_and_only_there(make_recipe: Make) -> None:
    ordered = references(make_recipe(), _windows(8, 1), _windows(4, 2))
    drawn = references(make_recipe(), _windows(8, 1, clock=False), _windows(4, 2, clock=False))
    assert ordered["reference.clock.auc"].value == 1.0
    assert drawn["reference.clock.auc"].value < 0.65
    for found in (ordered, drawn):
        assert found["reference.logistic.auc"].value > 0.85
        assert found["reference.logistic.accuracy"].value > 0.75


def test_windows_are_counted_by_side_and_label(make_recipe: Make) -> None:
    counts = counts_of(make_recipe(), {"train": _windows(3, 1), "test": _windows(1, 2)})
    assert counts == {"train": {"calm": 30, "stressed": 30}, "test": {"calm": 10, "stressed": 10}}
