from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from home_security.sounds.classes import Labels, choose_labels
from home_security.sounds.task import measure
from pipit.bundle.manifest import Decision
from pipit.training.by_input.audio.clips import Clip
from pipit.training.by_input.audio.trainer import SoundSide

LABELS = choose_labels(["dog", "siren", "rain", "wind"], "security")
CATEGORIES = ["siren", "siren", "dog", "dog", "rain", "rain", "wind", "wind"]
CLIPS = [Clip(Path(f"{i}"), f"clip{i}", category, f"recording{i}") for i, category in enumerate(CATEGORIES)]
# Columns: siren, dog, none.
SCORES = np.array(
    [
        [0.9, 0.05, 0.05],
        [0.2, 0.1, 0.7],
        [0.1, 0.8, 0.1],
        [0.05, 0.9, 0.05],
        [0.6, 0.1, 0.3],
        [0.1, 0.1, 0.8],
        [0.1, 0.3, 0.6],
        [0.0, 0.0, 1.0],
    ],
    np.float32,
)


def _side(labels: Labels) -> SoundSide:
    truth = np.array([labels.index(category) for category in CATEGORIES], np.int64)
    groups = np.array([clip.recording for clip in CLIPS], dtype=object)
    return SoundSide(np.zeros((len(CLIPS), 1), np.float32), truth, groups, tuple(CLIPS))


def test_the_numbers_are_what_their_definitions_say() -> None:
    decision = Decision(thresholds={"siren": 0.5, "dog": 0.25}, background="none")
    metrics = measure(SCORES, _side(LABELS), LABELS, decision, 5.0, seed=1).metrics()
    assert LABELS.names == ("siren", "dog", "none")
    assert metrics["accuracy"].value == 6 / 8
    assert metrics["accuracy.security"].value == 3 / 4
    assert metrics["accuracy.security"].samples == 4
    # Detected in the background: siren in one rain clip, dog in one wind clip.
    assert metrics["background_alarm_rate"].value == 2 / 4
    assert metrics["false_positive_rate.siren"].value == 1 / 6
    assert metrics["false_positive_rate.dog"].value == 1 / 6
    assert metrics["false_positive_rate"].value == 1 / 6
    assert metrics["detection_rate.siren"].value == 1 / 2
    assert metrics["detection_rate.dog"].value == 1.0
    assert metrics["baseline.accuracy"].value == 4 / 8
    per_hour = metrics["false_alarms_per_hour"]
    assert per_hour.value == pytest.approx(2 / (4 * 5 / 3600))
    # Garwood's interval of two events: 0.2422 to 7.2247.
    assert per_hour.low == pytest.approx(0.2422 * 180, rel=1e-3)
    assert per_hour.high == pytest.approx(7.2247 * 180, rel=1e-3)


def test_without_a_background_no_false_alarm_is_counted() -> None:
    labels = choose_labels(["dog", "siren", "rain", "wind"], "all")
    scores = np.eye(4, dtype=np.float32)[[labels.index(category) for category in CATEGORIES]]
    metrics = measure(scores, _side(labels), labels, Decision(), 5.0, seed=1).metrics()
    assert metrics["accuracy"].value == 1.0
    assert metrics["accuracy.security"].samples == 4
    assert "false_alarms_per_hour" not in metrics
    assert "background_alarm_rate" not in metrics
