"""What each version has answered since this process began: a few additions a request, from which windows are made.

No metric of Prometheus can be read back; these can, and differences between two readings are what a device reports.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from time import monotonic
from typing import Any

from pipit.serving.meters import known_or_not
from pipit.serving.model import LoadedModel
from pipit.types import Prediction

BINS = 10
"""Of the best scores, from 0 to 1; as many as `pipit.fleet.SCORE_BINS`, which servers without a registry never load."""


@dataclass(frozen=True, slots=True)
class Totals:
    """One reading. The fields are those of `pipit.fleet.Window`."""

    answered: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    over_budget: int = 0
    predictions: int = 0
    unknown: int = 0
    score_counts: tuple[int, ...] = (0,) * BINS
    label_counts: Mapping[str, int] = field(default_factory=dict)
    feedback_right: int = 0
    feedback_wrong: int = 0
    disagreed: int = 0
    latency_sum: float = 0.0
    latency_squares: float = 0.0

    def __bool__(self) -> bool:
        """Whether there was anything to count."""
        return bool(self.answered or self.errors or self.feedback_right or self.feedback_wrong)

    def since(self, earlier: Totals) -> Totals:
        """What came after an earlier reading of the same counts."""
        earlier_fields = earlier.as_fields()
        return Totals(**{name: _less(count, earlier_fields[name]) for name, count in self.as_fields().items()})

    def as_fields(self) -> dict[str, Any]:
        """By name, for a `Window`."""
        return {one.name: getattr(self, one.name) for one in fields(Totals)}


def _less(now: Any, then: Any) -> Any:
    if isinstance(now, Mapping):
        return {key: count - then.get(key, 0) for key, count in now.items() if count > then.get(key, 0)}
    if isinstance(now, tuple):
        return tuple(one - other for one, other in zip(now, then, strict=True))
    # The sum of latencies: two roundings may differ by a hair.
    return max(0, now - then)


class Counts:
    """How one version has answered. Threads share it."""

    __slots__ = (
        "_answered",
        "_budget",
        "_disagreed",
        "_errors",
        "_labels",
        "_latency",
        "_lock",
        "_names_people",
        "_over",
        "_predictions",
        "_right",
        "_scores",
        "_squares",
        "_unknown",
        "_wrong",
        "began",
    )

    def __init__(self, budget: float | None, labels: Collection[str], *, names_people: bool = False) -> None:
        """budget: seconds that an answer may take. labels: those that are counted.

        names_people: labels are people's names, which never leave the device: known or not is counted in their place.
        """
        self._budget = float("inf") if budget is None else budget
        self._names_people = names_people
        self._lock = threading.Lock()
        self._answered = self._over = self._predictions = self._unknown = self._disagreed = 0
        self._right = self._wrong = 0
        self._latency = self._squares = 0.0
        self._scores = [0] * BINS
        self._labels = dict.fromkeys(labels, 0)
        self._errors: dict[str, int] = {}
        self.began = monotonic()

    def answered(self, seconds: float, predictions: Sequence[Prediction] = ()) -> None:
        """Counts one answered input. predictions: none where bare tensors were asked for."""
        labels, scores = self._labels, self._scores
        with self._lock:
            self._answered += 1
            self._latency += seconds
            self._squares += seconds * seconds
            if seconds > self._budget:
                self._over += 1
            for prediction in predictions:
                self._predictions += 1
                if prediction.scores:
                    scores[_bin(prediction.scores[0].score)] += 1
                label = known_or_not(prediction.label) if self._names_people else prediction.label
                if label in labels:
                    labels[label] += 1
                if prediction.unknown:
                    self._unknown += 1

    def failed(self, status: str) -> int:
        """Counts an input that was not answered; gives how many have failed so. status: the gRPC status's name."""
        with self._lock:
            self._errors[status] = times = self._errors.get(status, 0) + 1
        return times

    def judged(self, *, was_right: bool) -> None:
        """Counts what somebody says of an answer."""
        with self._lock:
            if was_right:
                self._right += 1
            else:
                self._wrong += 1

    def disagreed(self) -> None:
        """Counts an answer that differs from the serving version's."""
        with self._lock:
            self._disagreed += 1

    def totals(self) -> Totals:
        """A reading."""
        with self._lock:
            return Totals(
                self._answered,
                dict(self._errors),
                self._over,
                self._predictions,
                self._unknown,
                tuple(self._scores),
                {label: count for label, count in self._labels.items() if count},
                self._right,
                self._wrong,
                self._disagreed,
                self._latency,
                self._squares,
            )


def counts_of(model: LoadedModel) -> Counts:
    """New ones for a model."""
    budget = model.manifest.expected.latency_budget_ms
    return Counts(None if budget is None else budget / 1000.0, model.meters.labels, names_people=model.names_people)


def _bin(score: float) -> int:
    # What is no number stands with the lowest: a network that gives such scores is to be seen.
    return int(score * BINS) if 0.0 <= score < 1.0 else (BINS - 1) * (score >= 1.0)


class TaskCounts:
    """The versions of one task, each with its counts. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._versions: dict[str, Counts] = {}

    def of(self, model: LoadedModel) -> Counts:
        """Its counts; those of the same version that was loaded before, too."""
        return self._versions.get(model.identity.version) or self._open(model)

    def _open(self, model: LoadedModel) -> Counts:
        with self._lock:
            return self._versions.setdefault(model.identity.version, counts_of(model))

    def judged(self, version: str, *, was_right: bool) -> None:
        """Feedback on an answer of that version, if it's still known."""
        counts = self._versions.get(version)
        if counts is not None:
            counts.judged(was_right=was_right)

    def versions(self) -> dict[str, Counts]:
        """All of them, in the order in which they first answered."""
        with self._lock:
            return dict(self._versions)

    def forget(self, version: str) -> None:
        """Of a version that has not answered for long."""
        with self._lock:
            self._versions.pop(version, None)
