from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from ad_detection.temporal.window import Steps, Window
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import InvalidInput


def sequences(times: list[float], steps: Steps | None = None) -> list[tuple[float, list[float]]]:
    """Of each frame that opens a step: when it was taken, and the times of its sequence."""
    window: Window[float] = Window(steps or Steps())
    found = []
    for seconds in times:
        if window.opens(seconds):
            window.add(seconds, seconds)
            found.append((seconds, list(window.values)))
    return found


def test_the_first_frames_stand_still() -> None:
    assert sequences([7.0, 8.0, 9.0, 10.0, 11.0, 12.0]) == [
        (7.0, [7.0, 7.0, 7.0, 7.0, 7.0]),
        (8.0, [7.0, 7.0, 7.0, 7.0, 8.0]),
        (9.0, [7.0, 7.0, 7.0, 8.0, 9.0]),
        (10.0, [7.0, 7.0, 8.0, 9.0, 10.0]),
        (11.0, [7.0, 8.0, 9.0, 10.0, 11.0]),
        (12.0, [8.0, 9.0, 10.0, 11.0, 12.0]),
    ]


def test_a_step_without_a_frame_has_its_neighbour_before() -> None:
    (*_, last) = sequences([0.0, 1.0, 2.1, 2.9, 5.0])
    assert last == (5.0, [1.0, 2.1, 2.9, 2.9, 5.0])


def test_a_gap_begins_anew() -> None:
    found = sequences([0.0, 1.0, 2.0, 5.0, 6.2])
    # Two steps are missing before 5 s, and what comes later counts from there.
    assert found[3:] == [(5.0, [5.0] * 5), (6.2, [5.0, 5.0, 5.0, 5.0, 6.2])]


def test_frames_within_a_step_are_left_out() -> None:
    frames = [number / 25 for number in range(25 * 10)]
    taken = [seconds for seconds, _ in sequences(frames)]
    # A quarter early, and from then on one a second.
    assert taken == [0.0, *(pytest.approx(second - 0.24) for second in range(1, 11))]
    assert [seconds for seconds, _ in sequences([3.0, 3.0, 3.0])] == [3.0]


def test_frames_that_come_a_little_early_or_late_all_count() -> None:
    jitter = np.random.default_rng(1).uniform(-0.2, 0.2, 300)
    jitter[0] = 0.0
    times = (np.arange(300) + jitter).tolist()
    found = sequences(times)
    assert [seconds for seconds, _ in found] == times
    assert found[-1][1] == times[-5:]


@given(
    st.lists(st.floats(0.0, 4.0), min_size=1, max_size=40),
    st.integers(1, 6),
    st.sampled_from([0.5, 1.0, 2.0]),
)
def test_every_sequence_is_whole_in_order_and_ends_with_its_frame(waits: list[float], frames: int, step: float) -> None:
    times = np.cumsum(waits).tolist()
    found = sequences(times, Steps(frames, step))
    assert found[0][0] == times[0]
    for seconds, values in found:
        assert len(values) == frames
        assert values[-1] == seconds
        assert values == sorted(values)
        # Never across a gap: two steps at most lie between frames that are neighbours.
        assert all(later - earlier <= (2 + 1) * step for earlier, later in pairwise(values))
    taken = [seconds for seconds, _ in found]
    # One a step, give or take the quarter that a frame may be early.
    assert len(taken) <= (times[-1] - times[0]) / step + 2


@pytest.mark.parametrize(("frames", "seconds"), [(0, 1.0), (5, 0.0), (5, float("nan")), (5, float("inf"))])
def test_steps_that_are_none_are_refused(frames: int, seconds: float) -> None:
    with pytest.raises(InvalidInput, match="a sequence needs a frame and time that goes on"):
        Steps(frames, seconds)
