"""The threshold with the best F1 among those that are precise enough on recordings that did not choose it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pipit.training.least_precision import best_f1, least_precision_threshold
from pipit.training.recipe import ThresholdRule
from pipit.training.thresholds import choose_decision


def precision_and_f1(scores: np.ndarray, hits: np.ndarray, threshold: float) -> tuple[float, float]:
    called = scores >= threshold
    right = int((called & hits).sum())
    return right / max(1, int(called.sum())), 2 * right / max(1, int(called.sum() + hits.sum()))


@settings(deadline=None)
@given(
    arrays.arrays(np.float64, 30, elements=st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.8, 0.9, 1.0])),
    arrays.arrays(np.bool_, 30),
    st.floats(0.0, 0.99),
)
def test_no_other_threshold_that_is_precise_enough_is_better(
    scores: np.ndarray, hits: np.ndarray, demand: float
) -> None:
    precision, f1 = precision_and_f1(scores, hits, best_f1(scores, hits, demand))
    others = [precision_and_f1(scores, hits, float(score)) for score in np.unique(scores)]
    allowed = [found for found in others if found[0] > demand]
    if allowed:
        assert precision > demand
        assert f1 == pytest.approx(max(found[1] for found in allowed))
    else:
        assert precision == pytest.approx(max(found[0] for found in others))


def test_it_lies_in_the_middle_of_the_gap_below_the_last_one_called() -> None:
    scores, hits = np.array([0.9, 0.8, 0.4, 0.2]), np.array([True, True, False, False])
    assert best_f1(scores, hits, 0.95) == pytest.approx(0.6)


def test_a_recording_whose_false_alarms_the_others_do_not_foresee_raises_the_threshold() -> None:
    # Of itself, each recording is called without a mistake from 0.5 on; the third one's content scores 0.6.
    own = [([0.9, 0.8, 0.55, 0.1], [True, True, True, False])] * 2 + [
        ([0.9, 0.85, 0.6, 0.6], [True, True, False, False])
    ]
    scores = np.concatenate([np.array(found[0]) for found in own])
    hits = np.concatenate([np.array(found[1]) for found in own])
    names = np.repeat(["one", "two", "three"], 4)
    on_itself = best_f1(scores, hits, 0.75)
    assert on_itself < 0.55
    assert precision_and_f1(scores, hits, on_itself)[0] == pytest.approx(0.8)
    # By the other two alone the threshold is 0.325, and then 2 of the third's 4 are false alarms.
    found = least_precision_threshold(scores, hits, names, 0.81)
    assert 0.6 < found <= 0.8
    assert least_precision_threshold(scores, hits, ["same"] * 12, 0.75) == on_itself


def test_a_recipe_chooses_it_for_each_label_but_the_background() -> None:
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.2, 0.8]])
    truth = np.array([0, 0, 1, 1])
    rule = ThresholdRule(least_precision=0.95, lowest=0.0)
    decision = choose_decision(("ad", "content"), truth, scores, rule, "content", recordings=("a", "b", "a", "b"))
    assert decision.thresholds == {"ad": pytest.approx(0.6)}
    higher = choose_decision(("ad", "content"), truth, scores, rule.model_copy(update={"lowest": 0.7}), "content")
    assert higher.thresholds == {"ad": 0.7}
