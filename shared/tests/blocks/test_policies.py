"""Live and offline decisions: what has to hold whatever the scores."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipit.blocks.belief import Belief
from pipit.blocks.live import LivePolicy, Moment
from pipit.blocks.offline import find_blocks
from pipit.blocks.policy import Durations, Policy, log_odds, policy_of
from pipit.errors import InvalidInput

TELEVISION = Durations(between_least=80.0, block_least=10.0, between_mean=480.0, block_mean=150.0)
QUICK = Durations(between_least=3.0, block_least=2.0, between_mean=9.0, block_mean=6.0)
POLICY = Policy(TELEVISION)
Looks = list[tuple[float, float, bool]]
LOOKS = st.lists(
    st.tuples(st.floats(0.05, 4.0), st.floats(0.0, 1.0) | st.just(math.nan), st.booleans()), min_size=1, max_size=60
)


def run(looks: Looks, policy: Policy = POLICY, shift: float = 0.0) -> list[Moment]:
    live, seconds, said = LivePolicy(policy), shift, []
    for step, score, whole in looks:
        seconds += step
        said.append(live.step(seconds, score, whole=whole))
    return said


def states(moments: list[Moment]) -> list[tuple[bool, str]]:
    return [(moment.inside, moment.mode) for moment in moments]


def constant(score: float, seconds: float, step: float = 1.0) -> Looks:
    return [(step, score, True)] * round(seconds / step)


@given(LOOKS, LOOKS)
@settings(deadline=None)
def test_live_looks_at_no_future(past: Looks, future: Looks) -> None:
    assert states(run(past + future))[: len(past)] == states(run(past))


@given(LOOKS, st.sampled_from([0.0, 64.0, 4096.0]))
@settings(deadline=None)
def test_it_does_not_matter_when_it_begins(looks: Looks, shift: float) -> None:
    # Steps that binary fractions hold exactly, so that a shift changes no difference.
    exact = [(round(step * 64) / 64, score, whole) for step, score, whole in looks if step > 0.1]
    assert states(run(exact, shift=shift)) == states(run(exact))


@given(LOOKS)
@settings(deadline=None)
def test_looking_again_at_the_same_moment_changes_no_belief(looks: Looks) -> None:
    sighted = [(step, 0.5 if math.isnan(score) else score, True) for step, score, _ in looks]
    twice = [look for step, score, whole in sighted for look in ((step, score, whole), (0.0, score, whole))]
    assert states(run(twice))[1::2] == states(run(sighted))


def test_it_is_in_within_three_seconds_and_out_within_two() -> None:
    for step in (0.25, 0.5, 1.0):
        quiet = constant(0.01, 900.0, step)
        said = run(quiet + constant(0.99, 60.0, step) + constant(0.01, 100.0, step))
        inside = [moment.seconds for moment in said if moment.inside]
        assert 900.0 < inside[0] <= 903.0
        assert 960.0 <= inside[-1] + step <= 962.0
        assert len(inside) == round((inside[-1] - inside[0]) / step) + 1, "one block"


def test_a_doubt_of_a_moment_ends_no_block() -> None:
    doubt = constant(0.2, 2.0)
    said = run(constant(0.01, 300.0) + constant(0.99, 40.0) + doubt + constant(0.99, 40.0) + constant(0.01, 120.0))
    changes = [a.seconds for a, b in itertools.pairwise(said) if a.inside != b.inside]
    assert len(changes) == 2


def test_a_seek_forgets_and_a_pause_does_not() -> None:
    live = LivePolicy(POLICY)
    for second in range(100):
        live.step(second, 0.99)
    assert live.inside
    live.pause()
    assert live.step(5000.0, 0.99) == Moment(5000.0, True, pytest.approx(1.0, abs=0.01), "evidence", None, False)
    back = live.step(10.0, 0.6)
    assert back.was_reset
    assert not back.inside
    ahead = live.step(10.0 + POLICY.gap + 1.0, 0.6)
    assert ahead.was_reset


def test_without_sound_it_debounces_and_says_so() -> None:
    live = LivePolicy(POLICY)
    for second in range(200):
        live.step(second, 0.02)
    said = [live.step(200.0 + second, 0.9, whole=False) for second in range(8)]
    assert {moment.mode for moment in said} == {"debounce"}
    assert [moment.inside for moment in said] == [False] * 4 + [True] * 4
    assert math.isnan(said[-1].probability)
    assert live.step(208.0, 0.9).mode == "evidence"
    assert live.inside, "it goes on from what the debounce had found"


def test_blind_it_errs_to_no_block() -> None:
    live = LivePolicy(POLICY)
    for second in range(60):
        live.step(second, 0.99)
    said = [live.step(60.0 + second, math.nan) for second in range(12)]
    assert [moment.inside for moment in said] == [True] * 9 + [False] * 3
    assert said[0].mode == "blind"


@pytest.mark.parametrize(("seconds", "score"), [(math.nan, 0.5), (1.0, 1.5), (1.0, -0.1), (math.inf, 0.1)])
def test_what_can_not_be_is_refused(seconds: float, score: float) -> None:
    with pytest.raises(InvalidInput, match="can't be; give a share"):
        LivePolicy(POLICY).step(seconds, score)


def test_belief_equals_a_chain_of_every_age() -> None:
    """Written out as a Markov chain with a state for each second of age."""
    generator = np.random.default_rng(3)
    durations, rates = Durations(4.0, 3.0, 20.0, 10.0), generator.normal(0.0, 1.0, 60)
    belief = Belief(durations, 0.3)
    ages = {0: 4, 1: 3}
    leaves = {0: -math.expm1(-1.0 / 16.0), 1: -math.expm1(-1.0 / 7.0)}
    weights = {(state, age): 0.0 for state, least in ages.items() for age in range(least + 1)}
    weights[0, 4], weights[1, 3] = 0.7, 0.3
    for second, rate in enumerate(rates):
        after = dict.fromkeys(weights, 0.0)
        for (state, age), weight in weights.items():
            if age == ages[state]:
                after[1 - state, 1] += weight * leaves[state]
                after[state, age] += weight * (1.0 - leaves[state])
            else:
                after[state, age + 1] += weight
        weights = {key: weight * (math.exp(rate) if key[0] else 1.0) for key, weight in after.items()}
        total = sum(weights.values())
        weights = {key: weight / total for key, weight in weights.items()}
        found = belief.step(float(second), second + 1.0, rate)
        assert found == pytest.approx(sum(weight for key, weight in weights.items() if key[0]), abs=1e-9)


@given(st.lists(st.floats(0.0, 1.0) | st.just(math.nan), min_size=1, max_size=9), st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_offline_is_the_best_of_all_ways(scores: list[float], seed: int) -> None:
    seconds = np.cumsum(np.random.default_rng(seed).uniform(0.5, 3.0, len(scores)))
    policy = Policy(QUICK, limit=2.0)
    found = find_blocks(seconds, np.array(scores), policy)
    edges = np.concatenate([seconds[:1], (seconds[1:] + seconds[:-1]) / 2.0, seconds[-1:]])
    gains = policy.evidence(np.array(scores)) * np.diff(edges)
    everything = [
        (worth_of(edges, gains, inside), inside) for inside in itertools.product((False, True), repeat=len(scores))
    ]
    best = max(value for value, _ in everything)
    cells = tuple(any(a <= edges[i] and edges[i + 1] <= b for a, b in found) for i in range(len(scores)))
    assert worth_of(edges, gains, cells) == pytest.approx(best, abs=1e-9)


def worth_of(edges: np.ndarray, gains: np.ndarray, inside: tuple[bool, ...]) -> float:
    """Log likelihood of one way; minus infinity for one with a stretch that is too short."""
    least, rest = (3.0, 2.0), (6.0, 4.0)
    value, place = 0.0, 0
    for state, cells in itertools.groupby(inside):
        length = len(list(cells))
        lasted = edges[place + length] - edges[place]
        is_first, is_last = place == 0, place + length == len(inside)
        if state:
            value += float(gains[place : place + length].sum())
        if is_first:
            value -= lasted / rest[state]
        elif is_last:
            value -= max(0.0, lasted - least[state]) / rest[state]
        elif lasted < least[state]:
            return -math.inf
        else:
            value -= (lasted - least[state]) / rest[state]
        if not is_last:
            value -= math.log(rest[state])
        place += length
    return value


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_offline_stretches_are_never_too_short(seed: int) -> None:
    generator = np.random.default_rng(seed)
    seconds = np.cumsum(generator.uniform(0.5, 2.5, 400))
    blocks = find_blocks(seconds, generator.uniform(0.0, 1.0, 400), Policy(Durations(20.0, 6.0, 60.0, 30.0)))
    inner = [b for b in blocks if b[0] > seconds[0] and b[1] < seconds[-1]]
    assert all(end - start >= 6.0 - 1e-9 for start, end in inner)
    assert all(later[0] - earlier[1] >= 20.0 - 1e-9 for earlier, later in itertools.pairwise(blocks))


def test_offline_finds_a_break_to_the_second() -> None:
    seconds = np.arange(0.0, 1200.0)
    scores = np.where((seconds >= 400) & (seconds < 580), 0.9, 0.1)
    scores[[100, 101, 450, 451, 452]] = (0.95, 0.95, 0.05, 0.05, 0.05)
    assert find_blocks(seconds, scores, POLICY) == [(399.5, 579.5)]
    assert find_blocks(seconds + 7.0, scores, POLICY) == [(406.5, 586.5)]


def test_offline_refuses_times_that_go_back() -> None:
    with pytest.raises(InvalidInput, match="times have to grow"):
        find_blocks(np.array([1.0, 1.0]), np.array([0.5, 0.5]), POLICY)
    assert find_blocks(np.empty(0), np.empty(0), POLICY) == []


def test_a_policy_survives_its_bundle() -> None:
    policy = Policy(QUICK, prior=0.3, trust=0.25, enter=0.95)
    assert policy_of(policy.parameters) == policy
    with pytest.raises(InvalidInput, match="parameters are wrong"):
        policy_of({"durations": {}})
    for wrong in ({"prior": 0.0}, {"enter": 0.4}, {"trust": 0.0}, {"hold_in": -1.0}):
        with pytest.raises(InvalidInput, match="a policy"):
            Policy(QUICK, **wrong)
    with pytest.raises(InvalidInput, match="the mean is longer"):
        Durations(80.0, 10.0, 60.0, 30.0)


def test_evidence_is_none_where_a_score_says_what_was_known_before() -> None:
    policy = Policy(QUICK, prior=0.25)
    found = policy.evidence(np.array([0.25, math.nan, 0.9, 1.0, 0.0]))
    expected = log_odds(np.array([0.9]))[0] - math.log(0.25 / 0.75)
    np.testing.assert_allclose(found, [0.0, 0.0, expected, policy.limit, -policy.limit], atol=1e-12)
