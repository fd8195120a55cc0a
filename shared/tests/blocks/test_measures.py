"""What a person feels of decisions, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from pipit.blocks.measures import blocks_of, measure_blocks, measure_recordings
from pipit.errors import InvalidInput

TRUTH = [(600.0, 720.0), (1800.0, 1980.0)]


def test_what_is_said_right_costs_nothing() -> None:
    found = measure_blocks(TRUTH, TRUTH, 0.0, 3600.0)
    assert found == {
        "switches": 4.0,
        "true_switches": 4.0,
        "flaps_an_hour": 0.0,
        "missed_blocks": 0.0,
        "shown_an_hour": 0.0,
        "lost_an_hour": 0.0,
        "precision": 1.0,
        "recall": 1.0,
        "onset_p50": 0.0,
        "onset_p95": 0.0,
        "end_p50": 0.0,
        "end_p95": 0.0,
        "f1_2": 1.0,
        "f1_5": 1.0,
    }


def test_what_is_late_early_or_flaps_is_counted() -> None:
    said = [(100.0, 105.0), (604.0, 723.0), (1790.0, 1985.0)]
    found = measure_blocks(said, TRUTH, 0.0, 7200.0)
    assert found["switches"] == 6.0
    assert found["flaps_an_hour"] == 0.5
    assert found["shown_an_hour"] == 2.0
    assert found["lost_an_hour"] == pytest.approx((5.0 + 3.0 + 10.0 + 5.0) / 2.0)
    assert found["onset_p50"] == 2.0
    assert found["end_p50"] == 4.0
    assert found["precision"] == pytest.approx(296.0 / 319.0)
    assert found["recall"] == pytest.approx(296.0 / 300.0)
    assert found["f1_2"] == 0.0
    assert found["f1_5"] == pytest.approx(2.0 / 5.0)


def test_a_break_that_was_missed_has_no_latency() -> None:
    found = measure_blocks([], TRUTH, 0.0, 3600.0)
    assert found["missed_blocks"] == 2.0
    assert "onset_p50" not in found
    assert "precision" not in found
    assert found["recall"] == 0.0


def test_an_end_is_late_at_most_until_the_next_begin() -> None:
    assert measure_blocks([(0.0, 3600.0)], TRUTH, 0.0, 3600.0)["end_p95"] == pytest.approx(
        np.percentile([1080.0, 1620.0], 95)
    )


def test_recordings_are_put_together() -> None:
    one = (TRUTH, TRUTH, 0.0, 3600.0)
    other = ([], [(0.0, 60.0)], 0.0, 3600.0)
    found = measure_recordings([one, other])
    assert found["shown_an_hour"] == 30.0
    assert found["recall"] == pytest.approx(300.0 / 360.0)
    assert found["true_switches"] == 5.0
    with pytest.raises(InvalidInput, match="recordings that last"):
        measure_recordings([])


def test_looks_become_blocks() -> None:
    seconds = np.array([0.0, 1.0, 2.0, 4.0, 5.0])
    inside = np.array([False, True, True, False, True])
    assert blocks_of(seconds, inside, 6.0) == [(1.0, 4.0), (5.0, 6.0)]
    assert blocks_of(seconds, inside, 5.0) == [(1.0, 4.0)]
