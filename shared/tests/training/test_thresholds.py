"""The thresholds keep their promise on the data that they are chosen on, and nearly always on new data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pipit.answers import decide, reached
from pipit.errors import InvalidInput
from pipit.training.alarms import alarmed
from pipit.training.recipe import ThresholdRule
from pipit.training.thresholds import (
    answered_from,
    choose_decision,
    choose_thresholds,
    rare_labels,
    uncertain_margin,
    unknown_below,
)

LABELS = ("a", "b", "none")


@st.composite
def answers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Truth and scores with many ties, of either width; none is 1, which no threshold can keep out."""
    samples = draw(st.integers(1, 80))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    values = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.99]) | st.floats(
        0.0, 0.9990234375, width=32 if dtype is np.float32 else 64
    )
    scores = draw(arrays.arrays(dtype, (samples, len(LABELS)), elements=values))
    truth = draw(arrays.arrays(np.int64, samples, elements=st.integers(0, len(LABELS) - 1)))
    return truth, scores


LIMITS = st.floats(0.001, 0.6)


@settings(deadline=None)
@given(answers(), LIMITS, st.sampled_from([None, "none"]))
def test_the_limit_is_kept_on_its_own_data(
    given_answers: tuple[np.ndarray, np.ndarray], limit: float, background: str | None
) -> None:
    truth, scores = given_answers
    thresholds = choose_thresholds(LABELS, truth, scores, limit, background)
    assert set(thresholds) == set(LABELS) - {background}
    detected = reached(scores, LABELS, thresholds)
    for index, label in enumerate(LABELS):
        if label in thresholds:
            assert 0.0 <= thresholds[label] <= 1.0
            negatives = truth != index
            passed = int(detected[negatives, index].sum())
            assert passed == 0 or (passed + 1) / (negatives.sum() + 1) < limit
    quiet = truth == LABELS.index("none")
    if background and quiet.any():
        passed = int(alarmed(LABELS, scores[quiet], thresholds, tuple(thresholds)).sum())
        assert passed == 0 or (passed + 1) / (quiet.sum() + 1) < limit


@settings(deadline=None)
@given(answers(), LIMITS, LIMITS, st.sampled_from([None, "none"]))
def test_a_stricter_limit_never_lowers_a_threshold(
    given_answers: tuple[np.ndarray, np.ndarray], one: float, other: float, background: str | None
) -> None:
    truth, scores = given_answers
    strict = choose_thresholds(LABELS, truth, scores, min(one, other), background)
    loose = choose_thresholds(LABELS, truth, scores, max(one, other), background)
    assert all(strict[label] >= loose[label] for label in loose)


@settings(deadline=None)
@given(answers(), LIMITS)
def test_no_lower_threshold_that_is_allowed_finds_more(
    given_answers: tuple[np.ndarray, np.ndarray], limit: float
) -> None:
    truth, scores = given_answers
    thresholds = choose_thresholds(LABELS, truth, scores, limit)
    for index, label in enumerate(LABELS):
        own, values = truth == index, scores[:, index]
        allowed = max(0, math.ceil(limit * ((~own).sum() + 1)) - 2)
        found = (values[own] >= scores.dtype.type(thresholds[label])).sum()
        for lower in np.unique(values[values < thresholds[label]]):
            if own.all() or (values[~own] >= lower).sum() > allowed:
                continue
            assert (values[own] >= lower).sum() == found


@settings(deadline=None)
@given(answers(), LIMITS, st.floats(0.0, 1.0))
def test_none_lies_below_the_lowest(given_answers: tuple[np.ndarray, np.ndarray], limit: float, lowest: float) -> None:
    truth, scores = given_answers
    free = choose_thresholds(LABELS, truth, scores, limit)
    assert choose_thresholds(LABELS, truth, scores, limit, lowest=lowest) == {
        label: max(lowest, value) for label, value in free.items()
    }


def one_label(negatives: list[float], positives: list[float], limit: float) -> float:
    scores = np.array([*negatives, *positives])[:, np.newaxis]
    truth = np.array([1] * len(negatives) + [0] * len(positives))
    return choose_thresholds(("a", "other"), truth, np.hstack([scores, 1.0 - scores]), limit)["a"]


def test_the_middle_of_the_gap_below_the_lowest_positive_found() -> None:
    negatives = [n / 1000 for n in range(98)] + [0.4, 0.6]
    # 100 negatives and 5 %: (k + 1) / 101 < 0.05 lets four pass, so that the positive at 0.2 may be found.
    assert one_label(negatives, [0.2, 0.8, 0.9], 0.05) == pytest.approx((0.097 + 0.2) / 2)
    # 2.5 % lets one pass: 0.6; the lowest positive above the next negative, 0.4, is 0.8.
    assert one_label(negatives, [0.2, 0.8, 0.9], 0.025) == pytest.approx((0.6 + 0.8) / 2)
    assert one_label(negatives, [0.5, 0.8, 0.9], 0.025) == pytest.approx((0.4 + 0.5) / 2)


def test_with_few_negatives_none_may_pass() -> None:
    assert one_label([0.1, 0.2, 0.7], [0.5, 0.9], 0.05) == pytest.approx(0.8)
    # 19 of them still promise nothing for 5 %; 20 let none pass, 39 none, 40 one.
    positives = [0.3, 0.9]
    for count, expected in ((19, 0.75), (39, 0.75), (40, 0.2)):
        negatives = [0.1] * (count - 1) + [0.6]
        assert one_label(negatives, positives, 0.05) == pytest.approx(expected), count


def test_labels_without_positives_or_negatives_get_a_cautious_threshold() -> None:
    scores = np.array([[0.2, 0.8], [0.4, 0.6]])
    assert choose_thresholds(("a", "b"), np.array([1, 1]), scores, 0.05) == {"a": pytest.approx(0.7), "b": 0.5}


def test_negatives_with_the_score_1_can_not_be_kept_out() -> None:
    assert one_label([1.0, 1.0, 0.2], [1.0], 0.05) == 1.0


def test_neighbours_of_float32_are_told_apart() -> None:
    below = np.float32(0.7)
    above = np.nextafter(below, np.float32(1.0))
    scores = np.array([[below, 0.3], [above, 0.3]], np.float32)
    threshold = choose_thresholds(("a", "b"), np.array([1, 0]), scores, 0.05)["a"]
    assert reached(scores, ("a", "b"), {"a": threshold})[:, 0].tolist() == [False, True]


@pytest.mark.parametrize("seed", range(20))
def test_all_alarms_together_stay_under_the_limit_on_the_background(seed: int) -> None:
    generator = np.random.default_rng(seed)
    labels = (*"abcdefgh", "none")
    truth = np.r_[np.repeat(np.arange(8), 60), np.full(400, 8)]
    scores = generator.random((len(truth), 9)) * 0.8
    scores[np.arange(480), truth[:480]] = generator.uniform(0.5, 0.99, 480)
    apart = choose_thresholds(labels, truth, scores, 0.05)
    together = choose_thresholds(labels, truth, scores, 0.05, "none")
    quiet = scores[truth == 8]
    assert alarmed(labels, quiet, apart, labels[:8]).mean() > 0.15
    # (k + 1) / 401 < 0.05 lets 19 pass.
    assert 1 <= alarmed(labels, quiet, together, labels[:8]).sum() <= 19


@pytest.mark.slow
@pytest.mark.parametrize("negatives", [30, 60, 200])
def test_new_negatives_pass_rarely_enough_on_average(negatives: int) -> None:
    generator = np.random.default_rng(negatives)
    rates = []
    for _ in range(400):
        scores = generator.beta(1, 4, (negatives + 10, 1))
        scores[negatives:] = generator.beta(4, 1, (10, 1))
        truth = np.r_[np.ones(negatives, int), np.zeros(10, int)]
        threshold = choose_thresholds(("a", "other"), truth, np.hstack([scores, 1.0 - scores]), 0.05)["a"]
        rates.append((1.0 - threshold) ** 4)  # The share of Beta(1, 4) above it.
    assert np.mean(rates) < 0.05


def test_unknown_and_uncertain_by_hand() -> None:
    scores = np.array([[0.6, 0.4], [0.9, 0.1], [0.3, 0.7], [0.45, 0.55], [0.2, 0.8]])
    truth = np.array([0, 0, 1, 0, 1])  # The fourth is wrong; right ones score 0.6, 0.7, 0.8, 0.9.
    assert unknown_below(truth, scores, 0.25) == 0.7
    assert unknown_below(truth, scores, 0.24) == 0.6
    assert unknown_below(truth, scores, 0.0) == 0.0
    # Margins: 0.2, 0.8, 0.4, 0.1, 0.6.
    assert uncertain_margin(scores, 0.4) == pytest.approx(0.4)
    assert uncertain_margin(scores, 0.0) == 0.0
    assert uncertain_margin(scores[:, :1], 0.4) == 0.0
    assert unknown_below(1 - scores.argmax(axis=1), scores, 0.5) == 0.0, "none is right"


@settings(deadline=None)
@given(answers(), st.floats(0.0, 0.99))
def test_shares_are_kept(given_answers: tuple[np.ndarray, np.ndarray], share: float) -> None:
    truth, scores = given_answers
    best = scores.max(axis=1)[scores.argmax(axis=1) == truth]
    assert (best < unknown_below(truth, scores, share)).sum() <= share * len(best)
    ordered = np.sort(scores, axis=1)
    assert (ordered[:, -1] - ordered[:, -2] < uncertain_margin(scores, share)).sum() <= share * len(truth)


def test_a_decision_is_all_of_it() -> None:
    generator = np.random.default_rng(1)
    truth, scores = generator.integers(0, 3, 100), generator.dirichlet(np.ones(3), 100)
    rule = ThresholdRule(false_positive_rate=0.2, unknown_share=0.1, uncertain_share=0.2, lowest=0.3)
    decision = choose_decision(LABELS, truth, scores, rule, "none")
    assert decision.thresholds == choose_thresholds(LABELS, truth, scores, 0.2, "none", 0.3)
    assert decision.background == "none"
    assert decision.unknown_below == unknown_below(truth, scores, 0.1)
    assert decision.uncertain_margin == uncertain_margin(scores, 0.2)


def test_what_is_experimental_raises_no_threshold_of_others() -> None:
    labels, truth = ("a", "b", "none"), np.array([0] * 40 + [1] * 4 + [2] * 40)
    scores = np.full((84, 3), 0.05)
    scores[np.arange(84), truth] = 0.9
    scores[44:46, 1] = scores[46:48, 0] = 0.92  # Four samples of the background score higher than what they resemble.
    rule = ThresholdRule(false_positive_rate=0.08)
    both = choose_decision(labels, truth, scores, rule, "none")
    one = choose_decision(labels, truth, scores, rule, "none", experimental=("b",))
    assert (both.experimental, one.experimental) == ((), ("b",))
    assert not decide(scores[:40], labels, both).detected[:, 0].any()
    assert decide(scores[:40], labels, one).detected[:, 0].all()
    assert not decide(scores, labels, one).detected[:, 1].any()


def test_labels_of_few_groups_are_rare_however_many_samples_they_have() -> None:
    groups = [("glass", "a"), ("glass", "a"), ("glass", "a"), ("glass", "b"), ("dog", "a"), ("dog", "b"), ("dog", "c")]
    labels = ("none", "glass", "dog", "gone")
    assert rare_labels(labels, groups, 3, "none") == ("glass", "gone")
    assert rare_labels(labels, groups, 2, None) == ("none", "gone")
    assert rare_labels(labels, groups, 0, None) == ()


def test_wrong_input_is_named() -> None:
    scores = np.full((2, 3), 0.5)
    with pytest.raises(InvalidInput, match="no such labels: noise"):
        choose_thresholds(LABELS, np.array([0, 1]), scores, 0.05, "noise")
    with pytest.raises(InvalidInput, match="NaN"):
        choose_thresholds(LABELS, np.array([0, 1]), scores * math.nan, 0.05)
    with pytest.raises(InvalidInput, match="no sample"):
        choose_thresholds(LABELS, np.zeros(0, int), np.zeros((0, 3)), 0.05)


def test_answers_begin_where_enough_of_them_are_right() -> None:
    scores = np.linspace(0.99, 0.01, 99)
    right = np.arange(99) < 30
    # Of the best 60 answers 30 are right, of the best 61 fewer than half.
    assert answered_from(right, scores, 0.5) == pytest.approx(scores[59])
    assert answered_from(right, scores, 0.3) == pytest.approx(scores[98])
    assert answered_from(~right, scores, 0.9) == 1.0
    assert answered_from(right[:19], scores[:19], 0.5) == 1.0
    # Equal scores are answered together: of 40, 20 are right; of all 99, too few.
    assert answered_from(right, np.where(np.arange(99) < 40, 0.8, 0.2), 0.5) == 0.8


def test_what_is_not_said_is_not_detected_and_a_group_may_be_said_instead() -> None:
    generator = np.random.default_rng(1)
    truth = generator.integers(0, 3, 300)
    # "a" and "b" are taken for each other, "none" is told from both.
    scores = np.full((300, 3), 0.04)
    scores[np.arange(300), np.where(truth == 2, 2, generator.integers(0, 2, 300))] += 0.3 + 0.1 * (truth == 2)
    scores[:, :2] += np.where(truth == 2, 0.0, 0.25)[:, np.newaxis] + generator.uniform(0, 0.01, (300, 1))
    decision = choose_decision(LABELS, truth, scores, ThresholdRule(right_share=0.9), groups={"either": ("a", "b")})
    assert decision.unknown_below == 1.0
    assert min(decision.thresholds[label] for label in LABELS) == 1.0
    assert 0.08 < decision.thresholds["either"] <= 0.9
    said = decide(scores, LABELS, decision)
    assert not said.detected.any()
    assert set(said.label[truth != 2].tolist()) == {len(LABELS)}
