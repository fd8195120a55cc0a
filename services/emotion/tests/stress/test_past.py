from __future__ import annotations

import numpy as np
import pytest
from emotion.stress.past import OwnPast, Prior, channels_of, prior_of
from emotion.stress.signals import PHYSIOLOGY
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pipit.errors import InvalidInput

PRIOR = Prior(np.array([70.0, -3.0, 5.0]), np.array([5.0, 0.3, 0.2]), 4.0)
STEPS = arrays(
    np.float32,
    st.tuples(st.integers(2, 12), st.just(3)),
    elements=st.one_of(st.floats(-10, 200, width=32), st.just(np.float32(np.nan))),
)


def _reference(values: np.ndarray, step: int, prior: Prior) -> np.ndarray:
    """The definition: what training people had, as if seen for `weight` steps, and the steps before this one."""
    found = []
    for signal in range(3):
        seen = values[:step, signal].astype(np.float64)
        seen = seen[np.isfinite(seen)]
        own = seen.mean() if len(seen) else 0.0
        weight = prior.weight + len(seen)
        mean = (prior.weight * prior.mean[signal] + seen.sum()) / weight
        variance = (prior.weight * prior.deviation[signal] ** 2 + ((seen - own) ** 2).sum()) / weight
        found.append(np.clip((values[step, signal] - mean) / np.sqrt(variance), -5, 5))
    return np.array(found, np.float32)


@given(values=STEPS)
def test_a_step_is_standardised_by_the_steps_before_it(values: np.ndarray) -> None:
    past = OwnPast(PRIOR)
    for step, row in enumerate(values):
        found, expected = past.standardise(row), _reference(values, step, PRIOR)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(row))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@given(values=STEPS, data=st.data())
def test_a_later_step_changes_no_earlier_feature(values: np.ndarray, data: st.DataObject) -> None:
    step = data.draw(st.integers(1, len(values) - 1))
    changed = values.copy()
    changed[step:] = data.draw(arrays(np.float32, changed[step:].shape, elements=st.floats(-1e3, 1e3, width=32)))
    before = channels_of(values, PHYSIOLOGY, OwnPast(PRIOR))
    after = channels_of(changed, PHYSIOLOGY, OwnPast(PRIOR))
    np.testing.assert_array_equal(after[:step], before[:step])


@given(values=STEPS, cut=st.integers(0, 12))
def test_steps_that_come_in_pieces_are_standardised_alike(values: np.ndarray, cut: int) -> None:
    past = OwnPast(PRIOR)
    pieces = [channels_of(part, PHYSIOLOGY, past) for part in (values[:cut], values[cut:])]
    np.testing.assert_array_equal(np.concatenate(pieces), channels_of(values, PHYSIOLOGY, OwnPast(PRIOR)))


def test_a_person_unlike_others_becomes_their_own_measure() -> None:
    values = np.tile(np.array([100.0, -3.0, 5.0], np.float32), (60, 1))
    found = channels_of(values, PHYSIOLOGY, OwnPast(PRIOR))
    assert found[0, 0] == 5.0  # Thirty over the others' mean, cut off.
    # 59 steps of their own beside four of others: mean 98.1, deviation 1.26.
    assert found[-1, 0] == pytest.approx(1.512, abs=1e-3)
    assert (np.diff(np.abs(found[:, 0])) <= 0).all()
    assert (found[:, 3:] == 1.0).all()


def test_what_is_missing_is_the_mean_and_its_mask_is_0() -> None:
    values = np.array([[np.nan, -3.0, np.nan]], np.float32)
    assert channels_of(values, PHYSIOLOGY, OwnPast(PRIOR)).tolist() == [[0, 0, 0, 0, 1, 0]]


def test_a_prior_counts_people_alike_and_measures_change_within_recordings() -> None:
    long, short = np.full((100, 3), 10.0, np.float32), np.full((2, 3), 20.0, np.float32)
    long[:, 1] += np.tile([-1.0, 1.0], 50)
    short[:, 1] += [-3.0, 3.0]
    short[:, 2] = np.nan
    # Another level in another recording of the same person is no change within one.
    other = np.full((100, 3), 30.0, np.float32)
    other[:, 1] += np.tile([-1.0, 1.0], 50)
    prior = prior_of([long, other, short], ["a", "a", "b"], 7.0)
    assert prior.mean.tolist() == [20.0, 20.0, 20.0]
    assert prior.deviation.tolist() == [pytest.approx(0.001), 2.0, pytest.approx(0.001)]
    assert prior.weight == 7.0


def test_a_signal_that_nobody_has_is_left_as_it_is() -> None:
    nothing = np.full((5, 3), np.nan, np.float32)
    prior = prior_of([nothing], ["a"], 1.0)
    assert (prior.mean.tolist(), prior.deviation.tolist()) == ([0.0] * 3, [1.0] * 3)


@pytest.mark.parametrize(
    ("mean", "deviation", "weight"),
    [([0.0], [0.0], 1.0), ([0.0], [1.0, 1.0], 1.0), ([np.nan], [1.0], 1.0), ([0.0], [1.0], 0.0)],
)
def test_an_impossible_prior_is_refused(mean: list[float], deviation: list[float], weight: float) -> None:
    with pytest.raises(InvalidInput):
        Prior(np.array(mean), np.array(deviation), weight)
