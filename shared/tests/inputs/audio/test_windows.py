from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import InvalidInput
from pipit.inputs.audio import cut_windows
from pipit.types import TimeSpan


def counting(length):
    """Samples that say where they stood; from 1, so that padding shows."""
    return np.arange(1, length + 1, dtype=np.float32)


def test_a_short_clip_is_padded_and_its_span_ends_with_it():
    rows, spans = cut_windows(counting(3), 10, 0.5, 0.25)
    np.testing.assert_array_equal(rows, [[1, 2, 3, 0, 0]])
    assert spans == [TimeSpan(0.0, 0.3)]


def test_a_clip_of_one_window_is_that_window():
    rows, spans = cut_windows(counting(5), 10, 0.5, 0.3)
    np.testing.assert_array_equal(rows, [[1, 2, 3, 4, 5]])
    assert spans == [TimeSpan(0.0, 0.5)]


def test_windows_overlap_and_the_last_ends_with_the_clip():
    rows, spans = cut_windows(counting(12), 10, 0.5, 0.3)
    np.testing.assert_array_equal(rows, [[1, 2, 3, 4, 5], [4, 5, 6, 7, 8], [7, 8, 9, 10, 11], [8, 9, 10, 11, 12]])
    assert spans == [TimeSpan(0.0, 0.5), TimeSpan(0.3, 0.8), TimeSpan(0.6, 1.1), TimeSpan(0.7, 1.2)]


def test_no_window_is_given_twice_where_the_last_fits():
    rows, spans = cut_windows(counting(11), 10, 0.5, 0.3)
    assert [row[0] for row in rows] == [1, 4, 7]
    assert spans[-1] == TimeSpan(0.6, 1.1)


def test_rows_are_copies():
    samples = counting(10)
    rows, _ = cut_windows(samples, 10, 0.5, 0.5)
    rows[:] = 0
    assert samples[0] == 1


def test_real_lengths():
    rows, spans = cut_windows(np.zeros(int(7.2 * 22_050), np.float32), 22_050, 5.0, 2.5)
    assert rows.shape == (2, 110_250)
    assert spans == [TimeSpan(0.0, 5.0), TimeSpan(48_510 / 22_050, 7.2)]


@pytest.mark.parametrize(("window", "hop"), [(0.5, 0.6), (0.5, 0.0), (0.5, -0.1), (0.0, 0.0), (0.5, 0.001)])
def test_refuses_windows_that_leave_gaps(window, hop):
    with pytest.raises(InvalidInput, match="gaps"):
        cut_windows(counting(10), 10, window, hop)


def test_refuses_an_empty_clip():
    with pytest.raises(InvalidInput, match="no samples"):
        cut_windows(np.zeros(0, np.float32), 10, 0.5, 0.5)


@pytest.mark.parametrize(("seconds", "ends"), [(5.0, [5.0]), (5.001, [5.0]), (5.249, [5.0]), (5.25, [5.0, 5.25])])
def test_a_rest_under_a_tenth_of_a_hop_is_no_window_of_its_own(seconds, ends):
    _, spans = cut_windows(np.zeros(round(seconds * 16_000), np.float32), 16_000, 5.0, 2.5)
    assert [span.end for span in spans] == ends


@given(st.integers(1, 300), st.integers(1, 60), st.data())
def test_all_but_a_short_rest_is_covered_and_every_row_is_where_its_span_says(length, window, data):
    hop = data.draw(st.integers(1, window))
    rate = 10
    samples = counting(length)
    rows, spans = cut_windows(samples, rate, window / rate, hop / rate)
    assert rows.shape == (len(spans), window)
    assert rows.dtype == np.float32
    covered = np.zeros(length, bool)
    for row, span in zip(rows, spans, strict=True):
        start, end = round(span.start * rate), round(span.end * rate)
        covered[start:end] = True
        np.testing.assert_array_equal(row[: end - start], samples[start:end])
        assert not row[end - start :].any()
    missed = np.flatnonzero(~covered)
    assert len(missed) * 10 < hop
    assert missed.tolist() == list(range(length - len(missed), length))
    starts = [span.start for span in spans]
    assert starts == sorted(set(starts))
