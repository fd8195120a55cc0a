"""What is measured of a network's answers, by `pipit.training.evaluation`.

The security subset: clips whose label is a security class. The background: clips whose label is `none`.

    accuracy.security       share of the security subset whose best label, of all labels, is the right one
    false_positive_rate     of the worst security class: share of the clips of all other labels in which it is detected
    background_alarm_rate   share of the background clips in which any security class is detected
    false_alarms_per_hour   the same, per hour of background: one window of each clip is heard, so neither more nor less
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pipit.bundle.manifest import Decision
from pipit.training.alarms import FalseAlarms, alarmed, false_alarms_per_hour
from pipit.training.evaluation import Evaluation, evaluate

from home_security.sounds.classes import Labels
from home_security.sounds.dataset import Clip

Scores = NDArray[np.float32]


def truth_of(clips: Sequence[Clip], labels: Labels) -> NDArray[np.int64]:
    """Positions of the clips' labels."""
    return np.array([labels.index(clip.category) for clip in clips], np.int64)


def measure(
    scores: Scores, clips: Sequence[Clip], labels: Labels, decision: Decision, window_seconds: float, seed: int
) -> Evaluation:
    """scores: (clips, labels), one window a clip."""
    background = labels.background
    return evaluate(
        labels.names,
        truth_of(clips, labels),
        scores,
        np.array([clip.recording for clip in clips], dtype=object),
        alarm_labels=labels.alarms,
        thresholds=decision.thresholds,
        background=background,
        subsets={"security": labels.alarms},
        false_alarms=_false_alarms(scores, clips, labels, decision, window_seconds) if background else None,
        seed=seed,
    )


def _false_alarms(
    scores: Scores, clips: Sequence[Clip], labels: Labels, decision: Decision, window_seconds: float
) -> FalseAlarms | None:
    quiet = np.array([labels.of(clip.category) == labels.background for clip in clips], bool)
    if not quiet.any():
        return None
    names = [clip.name for clip, chosen in zip(clips, quiet, strict=True) if chosen]
    return false_alarms_per_hour(
        alarmed(labels.names, scores[quiet], decision.thresholds, labels.alarms),
        names,
        np.zeros(len(names)),
        np.full(len(names), window_seconds),
        dict.fromkeys(names, window_seconds),
    )
