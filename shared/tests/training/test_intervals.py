"""Intervals against scipy, against published numbers, and against their own promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipit.errors import InvalidInput
from pipit.training import intervals
from pipit.training.intervals import Estimate, bootstrap_groups, poisson_rate, proportion, wilson
from scipy.stats import binomtest, poisson

COUNTS = st.integers(1, 5000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))


@settings(deadline=None)
@given(COUNTS)
def test_wilson_is_scipys(counts: tuple[int, int]) -> None:
    successes, trials = counts
    theirs = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert wilson(successes, trials) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@settings(deadline=None)
@given(COUNTS)
def test_wilson_holds_the_share_and_stays_inside_0_and_1(counts: tuple[int, int]) -> None:
    successes, trials = counts
    low, high = wilson(successes, trials)
    assert 0.0 <= low <= successes / trials <= high <= 1.0
    assert low < high
    mirrored = wilson(trials - successes, trials)
    assert (1.0 - high, 1.0 - low) == pytest.approx(mirrored, abs=1e-12)


@settings(deadline=None)
@given(COUNTS)
def test_wilson_narrows_with_more_trials_of_the_same_share(counts: tuple[int, int]) -> None:
    few, many = wilson(*counts), wilson(10 * counts[0], 10 * counts[1])
    assert many[1] - many[0] < few[1] - few[0]


def test_wilson_of_the_textbook() -> None:
    # Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_nothing_tried_tells_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert proportion(0, 0) is None


@pytest.mark.parametrize(("successes", "trials"), [(-1, 3), (4, 3), (1, 0), (math.nan, 3)])
def test_impossible_counts_are_refused(successes: float, trials: float) -> None:
    with pytest.raises(InvalidInput, match="not possible"):
        wilson(successes, trials)


def test_a_proportion_becomes_a_metric_and_json() -> None:
    found = proportion(15, 148)
    assert found is not None
    metric = found.to_metric()
    assert (metric.value, metric.samples, metric.low, metric.high) == (15 / 148, 148, found.low, found.high)
    assert found.to_json() == {"value": 15 / 148, "samples": 148, "low": found.low, "high": found.high}
    assert Estimate(0.5, 2).to_json() == {"value": 0.5, "samples": 2, "low": None, "high": None}


def test_poisson_rates_of_the_textbook() -> None:
    # Garwood's limits for counts of 0, 1, 10 and 100; as in Ulm, Am. J. Epidemiology 131 (1990).
    assert poisson_rate(0, 1.0) == pytest.approx((0.0, 0.0, 3.689), abs=5e-4)
    assert poisson_rate(1, 1.0) == pytest.approx((1.0, 0.0253, 5.572), abs=5e-4)
    assert poisson_rate(10, 1.0) == pytest.approx((10.0, 4.795, 18.390), abs=5e-4)
    assert poisson_rate(100, 1.0) == pytest.approx((100.0, 81.364, 121.627), abs=5e-4)


@settings(deadline=None)
@given(st.integers(0, 500), st.floats(1e-3, 1e4))
def test_each_end_of_a_poisson_interval_leaves_its_tail(events: int, exposure: float) -> None:
    rate, low, high = poisson_rate(events, exposure)
    assert rate == events / exposure
    assert 0.0 <= low <= rate < high
    assert poisson.cdf(events, high * exposure) == pytest.approx(0.025, rel=1e-6)
    if events:
        assert poisson.sf(events - 1, low * exposure) == pytest.approx(0.025, rel=1e-6)
    else:
        assert low == 0.0


@pytest.mark.parametrize(("events", "exposure"), [(-1, 1.0), (1, 0.0), (0, -2.0), (0, math.nan)])
def test_no_rate_without_exposure(events: int, exposure: float) -> None:
    with pytest.raises(InvalidInput, match="exposure"):
        poisson_rate(events, exposure)


def mean_of(values: np.ndarray) -> intervals.Statistic:
    return lambda weights: weights @ values / weights.sum(axis=1)


def test_the_bootstrap_comes_near_the_normal_interval_of_a_mean() -> None:
    values = np.random.default_rng(3).normal(10.0, 2.0, 400)
    low, high = bootstrap_groups(np.arange(400), mean_of(values), seed=1, rounds=4000)
    spread = 1.96 * values.std() / math.sqrt(400)
    assert (low, high) == pytest.approx((values.mean() - spread, values.mean() + spread), abs=0.02)


def test_whole_groups_are_drawn() -> None:
    # 20 recordings of 10 samples that are all alike: 20 observations, not 200.
    of_groups = np.random.default_rng(4).normal(size=20)
    groups, values = np.repeat(np.arange(20), 10), np.repeat(of_groups, 10)
    together = bootstrap_groups(groups, mean_of(values), seed=1)
    alone = bootstrap_groups(np.arange(20), mean_of(of_groups), seed=1)
    assert together == pytest.approx(alone, abs=1e-12)
    one_by_one = bootstrap_groups(np.arange(200), mean_of(values), seed=1)
    assert (together[1] - together[0]) / (one_by_one[1] - one_by_one[0]) == pytest.approx(math.sqrt(10), rel=0.15)


def test_the_seed_decides_and_names_of_groups_do_not() -> None:
    values, groups = np.random.default_rng(5).normal(size=30), np.arange(30) // 3
    first = bootstrap_groups(groups, mean_of(values), seed=1)
    assert first == bootstrap_groups(np.array([f"r{n:02}" for n in groups]), mean_of(values), seed=1)
    assert first != bootstrap_groups(groups, mean_of(values), seed=2)


def test_rounds_in_pieces_and_rounds_without_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "_WEIGHTS_AT_ONCE", 300)
    pieces = []

    def statistic(weights: np.ndarray) -> np.ndarray:
        pieces.append(weights.shape)
        drawn = weights[:, 0] > 0
        return np.where(drawn, weights[:, 0] / weights.sum(axis=1), np.nan)

    low, _ = bootstrap_groups(np.arange(30), statistic, seed=1, rounds=25)
    assert pieces == [(10, 30), (10, 30), (5, 30)]
    assert low >= 1 / 30, "rounds in which the first group was not drawn have no value, and count for nothing"


def test_a_bootstrap_needs_groups_and_values() -> None:
    with pytest.raises(InvalidInput, match="at least two"):
        bootstrap_groups(np.zeros(5), mean_of(np.arange(5.0)), seed=1)
    with pytest.raises(InvalidInput, match="no value"):
        bootstrap_groups(np.arange(5), lambda weights: np.full(len(weights), np.nan), seed=1)
