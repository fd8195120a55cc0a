from __future__ import annotations

import numpy as np
import pytest
from pipit.training.roc import area_under_curve
from sklearn.metrics import roc_auc_score


def test_the_area_is_the_chance_that_a_positive_ranks_higher() -> None:
    truth = np.array([0, 0, 1, 1])
    found = area_under_curve(truth, np.array([0.1, 0.4, 0.4, 0.9]), np.array(["a", "a", "b", "b"]))
    # Four pairs: three won, one tied.
    assert found is not None
    assert found.value == pytest.approx(3.5 / 4)
    assert found.samples == 4


def test_the_interval_comes_from_whole_groups_and_is_that_of_scikit_learn_on_the_same_draws() -> None:
    generator = np.random.default_rng(3)
    groups = np.repeat([f"person {i}" for i in range(12)], 20)
    truth = np.tile(np.repeat([0, 1], 10), 12)
    person = np.repeat(generator.normal(0, 1.0, 12), 20)
    scores = truth * 0.8 + person + generator.normal(0, 0.5, 240)
    found = area_under_curve(truth, scores, groups, seed=7)
    assert found is not None
    draws = np.random.default_rng(7).multinomial(12, np.full(12, 1 / 12), size=1000)
    names, member = np.unique(groups, return_inverse=True)
    assert len(names) == 12
    values = [roc_auc_score(truth, scores, sample_weight=draw[member]) for draw in draws]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])), abs=1e-9)
    assert found.low < found.value < found.high
    alone = area_under_curve(truth, scores, np.arange(240))
    assert alone is not None
    assert alone.high - alone.low < found.high - found.low


def test_one_group_has_no_interval_and_one_label_no_area() -> None:
    scores = np.array([0.1, 0.9])
    found = area_under_curve(np.array([0, 1]), scores, np.array(["a", "a"]))
    assert found is not None
    assert (found.value, found.low, found.high) == (1.0, None, None)
    assert area_under_curve(np.array([1, 1]), scores, np.array(["a", "b"])) is None
