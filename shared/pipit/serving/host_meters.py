"""What is measured of a task's versions, as they come and go."""

from __future__ import annotations

from collections.abc import Collection

from pipit.metrics import Metrics
from pipit.proving import Proof
from pipit.serving.attempts import Desired
from pipit.serving.loading import FAULT, STEPS
from pipit.serving.model import LoadedModel

SWAPPED = "swapped"
PREFETCHED = "prefetched"
OVERTAKEN = "overtaken"
"""Outcomes: it answers; it is proven for later; it was wanted no more before that."""


class HostMeters:
    """Of one task."""

    def __init__(self, task: str, device: str, metrics: Metrics) -> None:
        self._task = task
        self._device = device
        self._metrics = metrics
        self._past_version = ""
        # A counter that appears with its first event hides that event from Prometheus, which sees no increase.
        metrics.gauge("pipit_model_ready").labels(task).set(0)
        metrics.counter("pipit_golden_failures_total").labels(task)
        for outcome in (SWAPPED, PREFETCHED, OVERTAKEN, *STEPS, FAULT):
            metrics.counter("pipit_model_loads_total").labels(task, outcome)

    def show_desired(self, desired: Desired) -> None:
        """What should answer."""
        info = self._metrics.gauge("pipit_model_desired_info")
        info.remove_by_labels({"task": self._task})
        info.labels(self._task, self._device, desired.version, desired.digest).set(1)

    def show_active(self, model: LoadedModel | None) -> None:
        """What answers."""
        info = self._metrics.gauge("pipit_model_active_info")
        info.remove_by_labels({"task": self._task})
        self._metrics.gauge("pipit_model_ready").labels(self._task).set(model is not None)
        if model is not None:
            identity = model.identity
            info.labels(self._task, self._device, identity.version, identity.digest, identity.variant).set(1)
            model.meters.show_expectations(model.manifest.expected)

    def count_swap(self, proof: Proof | None) -> None:
        """Another version answers. proof: None: it is not known any more."""
        if proof is not None:
            self._metrics.gauge("pipit_golden_deviation").labels(self._task).set(proof.deviation)
        self.count_load(SWAPPED)

    def count_load(self, outcome: str) -> None:
        """A version was loaded, or why not."""
        self._metrics.counter("pipit_model_loads_total").labels(self._task, outcome).inc()
        if outcome == "golden":
            self._metrics.counter("pipit_golden_failures_total").labels(self._task).inc()

    def count_freed(self, version: str, seconds: float, loaded: Collection[str]) -> None:
        """A version was freed so long after another took its place.

        The series of the versions that are loaded, which may yet answer, and of the one before are kept, those of
        older ones are not.
        """
        self._metrics.histogram("pipit_model_load_seconds").labels(self._task, "drain").observe(seconds)
        if self._past_version not in {"", version, *loaded}:
            self._metrics.forget(task=self._task, version=self._past_version)
        self._past_version = version
