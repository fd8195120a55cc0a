"""The `pipit_*` metrics, with the labelled children of a hot path looked up once."""

from __future__ import annotations

from collections.abc import Sequence

from pipit.metrics import Metrics
from pipit.pipelines import Prediction
from pipit.serving.types import Identity, StageTimes


class ModelMeters:
    """What is measured of one version."""

    def __init__(self, metrics: Metrics, identity: Identity, labels: Sequence[str]) -> None:
        version = (identity.task, identity.version)
        self._answered = metrics.counter("pipit_requests_total").labels(*version, "OK")
        stages = metrics.histogram("pipit_stage_seconds")
        self._decode = stages.labels(*version, "decode")
        self._queue = stages.labels(*version, "queue")
        self._run = stages.labels(*version, "run")
        self._interpret = stages.labels(*version, "interpret")
        self.batch_rows = metrics.histogram("pipit_batch_rows").labels(*version)
        self._score = metrics.histogram("pipit_score").labels(*version)
        best = metrics.counter("pipit_labels_total")
        self._labels = {label: best.labels(*version, label) for label in labels}
        self._unknown = metrics.counter("pipit_unknown_total").labels(*version)
        self._hard = metrics.counter("pipit_hard_examples_total").labels(*version)

    def answered(self, times: StageTimes, predictions: Sequence[Prediction]) -> None:
        """Counts one answered input."""
        self.count_answer()
        self._decode.observe(times.decode)
        self._queue.observe(times.queue)
        self._run.observe(times.run)
        self._interpret.observe(times.interpret)
        for prediction in predictions:
            if prediction.scores:
                best = prediction.scores[0]
                self._score.observe(best.score)
                counter = self._labels.get(best.label)
                if counter is not None:
                    counter.inc()
            if prediction.unknown:
                self._unknown.inc()
            if prediction.uncertain:
                self._hard.inc()

    def count_answer(self) -> None:
        """Counts one request that is answered with bare tensors."""
        self._answered.inc()
