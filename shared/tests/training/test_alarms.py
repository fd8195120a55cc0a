"""False alarms counted by hand on windows drawn as text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipit.answers import reached
from pipit.bundle.manifest import Decision
from pipit.errors import InvalidInput
from pipit.training.alarms import alarm_labels_of, alarm_rates, alarmed, count_events, false_alarms_per_hour
from pipit.training.intervals import proportion

LABELS = ("glass", "siren", "none")


def windows(
    *recordings: str, hop: float = 2.5, length: float = 5.0
) -> tuple[np.ndarray, list[str], np.ndarray, np.ndarray]:
    """Recordings drawn as text, a window a character, `x` where it is detected."""
    detected = np.array([mark == "x" for drawn in recordings for mark in drawn])
    names = [f"r{number}" for number, drawn in enumerate(recordings) for _ in drawn]
    starts = np.array([hop * index for drawn in recordings for index in range(len(drawn))])
    return detected, names, starts, starts + length


@pytest.mark.parametrize(
    ("drawn", "hop", "events"),
    [
        (["....."], 2.5, 0),
        (["xxxxx"], 2.5, 1),
        ([".xx..x..x"], 2.5, 3),
        ([".xx..x..x"], 5.0, 3),  # Touching windows.
        (["x.x"], 2.5, 1),  # 0..5 and 5..10 touch, whatever the window between them says.
        (["x.x"], 5.0, 2),
        (["x", "x"], 2.5, 2),  # Never across recordings.
        (["..x", "x.."], 2.5, 2),
    ],
)
def test_runs_of_windows_are_one_event(drawn: list[str], hop: float, events: int) -> None:
    assert count_events(*windows(*drawn, hop=hop)) == events


def test_rounding_is_no_pause_and_a_pause_is_one() -> None:
    detected, names = np.array([True, True]), ["r", "r"]
    starts = np.array([0.0, 5.0])
    assert count_events(detected, names, starts, np.array([4.9995, 10.0])) == 1
    assert count_events(detected, names, starts, np.array([4.9, 10.0])) == 2


def test_a_window_inside_another_does_not_end_it() -> None:
    starts, ends = np.array([0.0, 2.0, 10.0]), np.array([20.0, 5.0, 15.0])
    assert count_events(np.ones(3, bool), ["r"] * 3, starts, ends) == 1


@settings(deadline=None)
@given(st.lists(st.text("x.", min_size=1, max_size=12), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_windows_does_not_matter(drawn: list[str], random: object) -> None:
    detected, names, starts, ends = windows(*drawn, hop=5.0)
    order = np.arange(len(detected))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = count_events(detected[order], [names[i] for i in order], starts[order], ends[order])
    assert shuffled == count_events(detected, names, starts, ends)
    assert shuffled == sum(len([run for run in text.split(".") if run]) for text in drawn)


def test_the_rate_is_over_all_that_was_listened_to() -> None:
    detected, names, starts, ends = windows(".xx..x..x", "....")
    # r2 was listened to as well: it was too short for a window of its own.
    found = false_alarms_per_hour(detected, names, starts, ends, {"r0": 1800.0, "r1": 1780.0, "r2": 20.0})
    assert (found.events, found.hours, found.windows, found.rate) == (3, 1.0, 13, 3.0)
    assert (found.low, found.high) == pytest.approx((0.6187, 8.7673), abs=1e-4)
    metric = found.to_metric()
    assert (metric.value, metric.samples, metric.low, metric.high) == (3.0, 13, found.low, found.high)
    assert found.to_json()["hours"] == 1.0


def test_silence_still_gives_an_upper_limit() -> None:
    found = false_alarms_per_hour(*windows("...."), {"r0": 360.0})
    assert (found.rate, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(36.89, abs=0.01)


def test_nothing_to_listen_to_is_refused() -> None:
    with pytest.raises(InvalidInput, match="there is none"):
        false_alarms_per_hour(np.zeros(0, bool), [], np.zeros(0), np.zeros(0), {})
    with pytest.raises(InvalidInput, match="'r1'"):
        false_alarms_per_hour(*windows("..", ".."), {"r0": 10.0})


def test_rates_by_hand() -> None:
    truth = np.array([0, 0, 1, 2, 2, 2, 2])
    scores = np.array(
        [
            [0.9, 0.05, 0.05],
            [0.3, 0.5, 0.2],  # Glass taken for a siren.
            [0.1, 0.6, 0.3],
            [0.7, 0.1, 0.2],  # A false alarm.
            [0.2, 0.5, 0.3],  # Another.
            [0.1, 0.1, 0.8],
            [0.6, 0.2, 0.2],  # Exactly at the threshold: detected.
        ]
    )
    thresholds = {"glass": 0.6}
    glass, siren = alarm_rates(LABELS, truth, scores, thresholds, ("glass", "siren"))
    assert (glass.label, glass.threshold, siren.threshold) == ("glass", 0.6, 0.5)
    assert (glass.detection_rate, glass.false_positive_rate) == (proportion(1, 2), proportion(2, 5))
    assert (siren.detection_rate, siren.false_positive_rate) == (proportion(1, 1), proportion(2, 6))
    assert alarmed(LABELS, scores, thresholds, ("glass", "siren")).tolist() == [
        True,
        True,
        True,
        True,
        True,
        False,
        True,
    ]
    assert alarmed(LABELS, scores, thresholds, ()).tolist() == [False] * 7


def test_a_label_without_samples_has_no_detection_rate() -> None:
    (siren,) = alarm_rates(LABELS, np.array([2]), np.array([[0.1, 0.1, 0.8]]), {}, ("siren",))
    assert siren.detection_rate is None
    assert siren.false_positive_rate == proportion(0, 1)


def test_a_score_is_held_to_its_threshold_as_on_the_device() -> None:
    # 0.1 as float32 is more than 0.1 as float64; the device compares in float32, where both are the same number.
    scores = np.array([[0.1, 0.9]], np.float32)
    assert reached(scores, ("a", "b"), {"a": 0.1, "b": 0.9}).tolist() == [[True, True]]
    assert bool(scores[0, 1] >= 0.9) is True


def test_neither_the_background_nor_what_is_experimental_raises_an_alarm() -> None:
    decision = Decision(background="none", experimental=("siren",))
    assert alarm_labels_of(("none", "glass", "siren", "dog"), decision) == ("glass", "dog")
    assert alarm_labels_of(("calm", "stressed"), Decision()) == ("calm", "stressed")
