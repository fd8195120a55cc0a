"""Limits for a promised rate of strangers who are named."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import InvalidInput
from pipit.faces.operating import OperatingPoints, growing, limit_at, operating_points_of

POINTS = OperatingPoints((0.001, 0.01), (1, 5, 20, 100), ((5.0, 6.0, 7.0, 8.0), (3.0, 4.0, 4.5, 5.5)), 1.0)


def test_limits_lie_on_a_line_in_the_logarithm() -> None:
    assert [POINTS.limit(0.01, people) for people in (1, 5, 20, 100)] == [3.0, 4.0, 4.5, 5.5]
    assert POINTS.limit(0.01, 10) == pytest.approx(4.25)
    assert POINTS.limit(0.001, 2) == pytest.approx(5.0 + math.log(2) / math.log(5))
    assert POINTS.limit(0.01, 500) == pytest.approx(6.5)


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_more_people_never_lower_a_limit(one: int, other: int) -> None:
    fewer, more = sorted((one, other))
    assert POINTS.limit(0.01, fewer) <= POINTS.limit(0.01, more) + 1e-9
    assert POINTS.limit(0.001, fewer) > POINTS.limit(0.01, fewer)


def test_goes_to_a_bundle_and_back() -> None:
    assert operating_points_of(POINTS.to_parameters()) == POINTS
    with pytest.raises(InvalidInput, match="they need rates, people, limits and spread"):
        operating_points_of({"rates": [0.01]})


def test_what_is_wrong_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"no limits for the rate 0\.2; there are 0\.001, 0\.01"):
        POINTS.limit(0.2, 5)
    with pytest.raises(InvalidInput, match="nobody"):
        POINTS.limit(0.01, 0)
    with pytest.raises(InvalidInput, match="must grow"):
        OperatingPoints((0.01,), (5, 1), ((1.0, 2.0),), 1.0)
    with pytest.raises(InvalidInput, match="finite"):
        OperatingPoints((0.01,), (1,), ((math.nan,),), 1.0)
    with pytest.raises(InvalidInput, match="a limit for each rate"):
        OperatingPoints((0.01, 0.1), (1,), ((1.0,),), 1.0)


def test_the_share_that_reaches_a_limit_is_the_one_that_was_promised() -> None:
    scores = np.random.default_rng(1).normal(size=1000)
    # The next stranger is counted as let in.
    assert (scores >= limit_at(scores, 0.1)).sum() == 99
    assert (scores >= limit_at(scores, 0.05)).sum() == 49


def test_the_next_stranger_is_let_in_as_often_as_was_promised() -> None:
    generator = np.random.default_rng(5)
    for strangers, rate in ((40, 0.1), (100, 0.05), (40, 0.01)):
        # Of exponential scores a share exp(-limit) reaches a limit.
        reached = [math.exp(-limit_at(generator.exponential(size=strangers), rate)) for _ in range(4000)]
        assert 0.8 * rate < float(np.mean(reached)) < 1.2 * rate


def test_faces_that_were_asked_several_times_count_once() -> None:
    scores = np.random.default_rng(6).normal(size=50)
    assert limit_at(np.repeat(scores, 20), 0.1, faces=50) == pytest.approx(limit_at(scores, 0.1), abs=0.2)
    assert limit_at(np.repeat(scores, 20), 0.1) < limit_at(scores, 0.1)


def test_beyond_what_was_measured_the_tail_goes_on() -> None:
    # Exponential scores have that tail exactly: a share of 1 / 1000 reaches ln 1000.
    scores = np.random.default_rng(2).exponential(size=2000)
    assert limit_at(scores, 0.001) == pytest.approx(math.log(1000), abs=0.5)
    few = np.random.default_rng(3).exponential(size=60)
    assert limit_at(few, 0.001) > few.max()
    assert limit_at(few, 0.0001) > limit_at(few, 0.001)


def test_strangers_that_nothing_would_name_count_too() -> None:
    scores = np.concatenate([np.linspace(1.0, 2.0, 100), np.full(900, -np.inf)])
    assert (scores >= limit_at(scores, 0.05)).sum() == 49
    with pytest.raises(InvalidInput, match="at least two strangers, not 0"):
        limit_at(np.full(10, -np.inf), 0.05)


def test_noise_gives_no_limit_that_falls() -> None:
    noisy = np.array([[5.0, 4.8, 6.0], [5.5, 4.0, 4.5]])
    assert growing(noisy).tolist() == [[5.5, 5.5, 6.0], [5.5, 5.5, 5.5]]
