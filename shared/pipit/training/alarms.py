"""How often an alarm goes off for nothing: as a share of samples, and per hour of background.

windows of one recording      . x x . . x . x
overlapping or adjacent         ---     -   -     three false alarms, however many windows each lasts
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.answers import DEFAULT_THRESHOLD, reached
from pipit.bundle.manifest import Decision, Metric
from pipit.errors import InvalidInput
from pipit.training.intervals import Estimate, poisson_rate, proportion


@dataclass(frozen=True, slots=True)
class AlarmRate:
    """One alarm label at its threshold. None: there are no samples to measure it on.

    false_positive_rate: share of the samples of all other labels in which it is detected.
    detection_rate: share of its own samples in which it is detected.
    """

    label: str
    threshold: float
    false_positive_rate: Estimate | None
    detection_rate: Estimate | None


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """Events in `hours` of background, with the exact 95 % interval of their rate per hour. windows: listened to."""

    events: int
    hours: float
    windows: int
    rate: float
    low: float
    high: float

    def to_metric(self) -> Metric:
        """As a manifest keeps it."""
        return Metric(value=self.rate, samples=self.windows, low=self.low, high=self.high)

    def to_json(self) -> dict[str, Any]:
        """Every field."""
        return asdict(self)


def alarm_labels_of(labels: Sequence[str], decision: Decision) -> tuple[str, ...]:
    """Those of `labels` that a device may detect: neither the background nor experimental."""
    return tuple(label for label in labels if label != decision.background and label not in decision.experimental)


def alarm_rates(
    labels: Sequence[str],
    truth: NDArray[np.integer],
    scores: NDArray[np.floating],
    thresholds: Mapping[str, float],
    alarm_labels: Sequence[str],
) -> tuple[AlarmRate, ...]:
    """One for each of `alarm_labels`. truth: (samples,), scores: (samples, labels)."""
    detected = reached(scores, labels, thresholds)
    rates = []
    for label in alarm_labels:
        position = list(labels).index(label)
        own, hits = truth == position, detected[:, position]
        rates.append(
            AlarmRate(
                label,
                thresholds.get(label, DEFAULT_THRESHOLD),
                proportion(int(hits[~own].sum()), int((~own).sum())),
                proportion(int(hits[own].sum()), int(own.sum())),
            )
        )
    return tuple(rates)


def alarmed(
    labels: Sequence[str],
    scores: NDArray[np.floating],
    thresholds: Mapping[str, float],
    alarm_labels: Sequence[str],
) -> NDArray[np.bool_]:
    """Samples in which at least one of `alarm_labels` is detected, shape (samples,)."""
    chosen = np.isin(np.asarray(labels, dtype=object), list(alarm_labels))
    return np.asarray(reached(scores, labels, thresholds)[:, chosen].any(axis=1))


def count_events(
    detected: NDArray[np.bool_], recordings: Sequence[str], starts: NDArray[np.floating], ends: NDArray[np.floating]
) -> int:
    """Runs of detected windows that overlap or touch, within one recording. All of shape (windows,); seconds."""
    spans: dict[str, list[tuple[float, float]]] = {}
    for index in np.flatnonzero(detected).tolist():
        spans.setdefault(str(recordings[index]), []).append((float(starts[index]), float(ends[index])))
    return sum(_runs(sorted(own)) for own in spans.values())


def _runs(spans: Sequence[tuple[float, float]]) -> int:
    """spans: ascending. A millisecond between two is rounding, no pause."""
    runs, reached = 0, -np.inf
    for start, end in spans:
        runs += start > reached + 1e-3
        reached = max(reached, end)
    return runs


def false_alarms_per_hour(
    detected: NDArray[np.bool_],
    recordings: Sequence[str],
    starts: NDArray[np.floating],
    ends: NDArray[np.floating],
    seconds: Mapping[str, float],
) -> FalseAlarms:
    """False alarms on audio that holds none of the alarm labels.

    detected: windows in which an alarm goes off, see `alarmed`. recordings, starts, ends: of each window, seconds from
    the recording's start; all of shape (windows,). seconds: length of every recording listened to, by its name.
    Raises InvalidInput if there is nothing to listen to, or a window of a recording without a length.
    """
    unknown = sorted(set(map(str, recordings)) - set(seconds))
    if unknown:
        raise InvalidInput(f"the length of {len(unknown)} recordings is missing, for example of {unknown[0]!r}")
    hours = sum(seconds.values()) / 3600.0
    if not hours > 0.0:
        raise InvalidInput("false alarms per hour need background audio; there is none")
    events = count_events(detected, recordings, starts, ends)
    rate, low, high = poisson_rate(events, hours)
    return FalseAlarms(events, hours, len(detected), rate, low, high)
