"""Prometheus metrics, made from `metrics.yaml`: nothing is measured under a name that the file does not list."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeVar

import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics

# A time of creation beside every counter and histogram would be one series more for each, under names not listed.
disable_created_metrics()  # type: ignore[no-untyped-call]

Process = Literal["inference", "registry", "console"]
M = TypeVar("M", Counter, Gauge, Histogram)


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """One entry of the file. buckets: of a histogram, in the metric's unit."""

    name: str
    processes: tuple[str, ...]
    type: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()
    external: bool = False


@cache
def metric_definitions() -> tuple[MetricDefinition, ...]:
    """Every metric of every process, in the file's order."""
    document: Any = yaml.safe_load(files("pipit").joinpath("metrics.yaml").read_text(encoding="utf-8"))
    return tuple(_definition(entry) for entry in document["metrics"])


def _definition(entry: dict[str, Any]) -> MetricDefinition:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return MetricDefinition(**values)


class Metrics:
    """The metrics of one process. Ask for each by its name, once; keep the labelled children on a hot path."""

    def __init__(self, process: Process, registry: CollectorRegistry | None = None) -> None:
        """registry: where they are exposed; a new one if None."""
        self.registry = registry or CollectorRegistry()
        self._metrics: dict[str, Counter | Gauge | Histogram] = {}
        for entry in metric_definitions():
            if process in entry.processes and not entry.external:
                self._metrics[entry.name] = _make(entry, self.registry)
        ProcessCollector(registry=self.registry)

    def counter(self, name: str) -> Counter:
        """Raises KeyError for a name that the file does not list for this process, as a counter."""
        return self._get(name, Counter)

    def gauge(self, name: str) -> Gauge:
        """Like `counter`."""
        return self._get(name, Gauge)

    def histogram(self, name: str) -> Histogram:
        """Like `counter`."""
        return self._get(name, Histogram)

    def forget(self, **labels: str) -> None:
        """Takes away all series with these labels, so that a long-lived process gathers no dead ones."""
        for entry in metric_definitions():
            if entry.name in self._metrics and labels.keys() <= set(entry.labels):
                self._metrics[entry.name].remove_by_labels(labels)

    def _get(self, name: str, kind: type[M]) -> M:
        metric = self._metrics.get(name)
        if not isinstance(metric, kind):
            raise KeyError(f"metrics.yaml lists no {kind.__name__.lower()} {name!r} for this process")
        return metric


def _make(entry: MetricDefinition, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    if entry.type == "histogram":
        return Histogram(entry.name, entry.help, entry.labels, registry=registry, buckets=entry.buckets)
    kind = Counter if entry.type == "counter" else Gauge
    return kind(entry.name, entry.help, entry.labels, registry=registry)
