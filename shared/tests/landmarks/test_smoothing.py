from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.landmarks.smoothing import OneEuroFilter, OneEuroParameters

PARAMETERS = OneEuroParameters(min_cutoff=0.01, beta=10.0)


def test_by_hand() -> None:
    """One step from 0 to 3 in a tenth of a second, the unit of distance being 2."""
    smooth = OneEuroFilter(PARAMETERS)
    assert smooth.apply(np.array([0.0], np.float32), 2.0, 0.1).tolist() == [0.0]
    share_of_speed = 1 / (1 + 1 / (2 * np.pi * 1.0 * 0.1))
    cutoff = 0.01 + 10 * share_of_speed * (3 / 2 / 0.1)
    expected = 3 / (1 + 1 / (2 * np.pi * cutoff * 0.1))
    assert smooth.apply(np.array([3.0], np.float32), 2.0, 0.1).tolist() == pytest.approx([expected])


def test_slow_values_lag_more_than_quick_ones() -> None:
    lags = []
    for speed in (0.01, 1.0):
        smooth = OneEuroFilter(PARAMETERS)
        for step in range(60):
            value = smooth.apply(np.array([speed * step], np.float32), 100.0, 1 / 30)
        lags.append((speed * 59 - value[0]) / speed)
    assert lags[0] > 2 * lags[1] > 0


def test_begins_anew_after_a_reset() -> None:
    smooth = OneEuroFilter(PARAMETERS)
    smooth.apply(np.array([5.0], np.float32), 1.0, 0.1)
    smooth.reset()
    assert smooth.apply(np.array([90.0], np.float32), 1.0, 0.1).tolist() == [90.0]


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=20), st.floats(0.001, 2), st.floats(0.01, 1e3))
def test_stays_between_the_values_it_has_seen(values: list[float], seconds: float, unit: float) -> None:
    smooth = OneEuroFilter(PARAMETERS)
    for value in values:
        answer = smooth.apply(np.array([value], np.float32), unit, seconds)[0]
        assert min(values) - 1e-6 <= answer <= max(values) + 1e-6
