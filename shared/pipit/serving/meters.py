"""The `pipit_*` metrics, with the labelled children of a hot path looked up once."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from prometheus_client.utils import floatToGoString

from pipit.bundle.manifest import Expectations
from pipit.metrics import Metrics
from pipit.serving.types import Identity, StageTimes
from pipit.types import Prediction

KNOWN, UNKNOWN, ANOTHER = "known", "unknown", "somebody else"
"""In place of people's names."""


class ModelMeters:
    """What is measured of one version."""

    def __init__(
        self, metrics: Metrics, identity: Identity, labels: Sequence[str], *, names_people: bool = False
    ) -> None:
        """labels: those that are counted. names_people: answers say names, which no metric may hold."""
        self._metrics = metrics
        self._names_people = names_people
        self._version = version = (identity.task, identity.version)
        self._answered = metrics.counter("pipit_requests_total").labels(*version, "OK")
        self._seconds = metrics.histogram("pipit_request_seconds").labels(*version)
        stages = metrics.histogram("pipit_stage_seconds")
        self._decode = stages.labels(*version, "decode")
        self._queue = stages.labels(*version, "queue")
        self._run = stages.labels(*version, "run")
        self._interpret = stages.labels(*version, "interpret")
        self.batch_rows = metrics.histogram("pipit_batch_rows").labels(*version)
        self._score = metrics.histogram("pipit_score").labels(*version)
        said = metrics.counter("pipit_labels_total")
        self._labels = {label: said.labels(*version, label) for label in labels}
        self._unknown = metrics.counter("pipit_unknown_total").labels(*version)
        self._hard = metrics.counter("pipit_hard_examples_total").labels(*version)

    @property
    def labels(self) -> Collection[str]:
        """Those that are counted."""
        return self._labels.keys()

    def answered(self, times: StageTimes, predictions: Sequence[Prediction]) -> None:
        """Counts one answered input."""
        self._answered.inc()
        with self._seconds.lock:
            self._seconds.add(times.total)
            self._decode.add(times.decode)
            self._queue.add(times.queue)
            self._run.add(times.run)
            self._interpret.add(times.interpret)
            for prediction in predictions:
                if prediction.scores:
                    self._score.add(prediction.scores[0].score)
        for prediction in predictions:
            counter = self._labels.get(self._said(prediction))
            if counter is not None:
                counter.inc()
            if prediction.unknown:
                self._unknown.inc()
            if prediction.uncertain:
                self._hard.inc()

    def _said(self, prediction: Prediction) -> str:
        return known_or_not(prediction.label) if self._names_people else prediction.label

    def show_expectations(self, expected: Expectations) -> None:
        """Exposes what the bundle says should be found in service."""
        if expected.latency_budget_ms is not None:
            budget = self._metrics.gauge("pipit_latency_budget_seconds")
            budget.labels(*self._version).set(expected.latency_budget_ms / 1000.0)
        if expected.best_scores is not None:
            reference = self._metrics.gauge("pipit_score_reference_ratio")
            for end, share in zip(expected.best_scores.upper, expected.best_scores.share, strict=True):
                reference.labels(*self._version, floatToGoString(end)).set(share)  # type: ignore[no-untyped-call]
            reference.labels(*self._version, "+Inf").set(1.0)

    def count_answer(self, seconds: float) -> None:
        """Counts one request that is answered with bare tensors. seconds: from its arrival."""
        self._answered.inc()
        self._seconds.observe(seconds)


def known_or_not(name: str) -> str:
    """What metrics say in place of a person's name, and of none."""
    return KNOWN if name else UNKNOWN
