"""Prometheus metrics, made from `metrics.yaml`: nothing is measured under a name that the file does not list."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import isnan
from typing import Any, Literal, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, disable_created_metrics
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from pipit.plain_yaml import load_plain_yaml

# A time of creation beside every counter and histogram would be one series more for each, under names not listed.
disable_created_metrics()  # type: ignore[no-untyped-call]

Process = Literal["inference", "registry", "console"]


class Observed:
    """One series of a histogram. Threads share it."""

    __slots__ = ("_bounds", "counts", "lock", "sum")

    def __init__(self, bounds: Sequence[float], lock: threading.Lock) -> None:
        self._bounds = bounds
        self.lock = lock
        """Of all series of a process: who counts several values of one event takes it once for all of them."""
        self.counts = [0] * (len(bounds) + 1)
        """Of each bucket alone, the one without an upper bound last."""
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Counts one value."""
        with self.lock:
            self.add(value)

    def add(self, value: float) -> None:
        """The same for who holds `lock`."""
        self.sum += value
        # What is no number is in no bucket.
        if not isnan(value):
            self.counts[bisect_left(self._bounds, value)] += 1

    def read(self) -> tuple[list[int], float]:
        """The counts and the sum of one moment."""
        with self.lock:
            return self.counts.copy(), self.sum


class Histogram(Collector):
    """A histogram of Prometheus, like prometheus_client's, at a third of its price for each value.

    That one takes a lock for the sum and another one for the bucket, and looks for the bucket in Python; an inference
    server observes five values for each request.
    """

    def __init__(
        self,
        name: str,
        help_text: str,
        label_names: Sequence[str],
        buckets: Sequence[float],
        registry: CollectorRegistry | None = None,
        lock: threading.Lock | None = None,
    ) -> None:
        """buckets: upper bounds, ascending; one without a bound comes after them. lock: of all its series."""
        self._name = name
        self._help = help_text
        self._label_names = tuple(label_names)
        self._bounds = tuple(float(bound) for bound in buckets)
        self._series: dict[tuple[str, ...], Observed] = {}
        self._lock = threading.Lock()
        self._counting = lock or threading.Lock()
        if registry is not None:
            registry.register(self)
        if not self._label_names:
            self.labels()

    def labels(self, *values: object) -> Observed:
        """The series of these labels, in the order of their names. Raises ValueError for too few or too many."""
        key = tuple(str(value) for value in values)
        if len(key) != len(self._label_names):
            raise ValueError(f"{self._name} has the labels {', '.join(self._label_names)}, not {len(key)} values")
        with self._lock:
            found = self._series.get(key)
            if found is None:
                found = self._series[key] = Observed(self._bounds, self._counting)
            return found

    def remove_by_labels(self, labels: dict[str, str]) -> None:
        """Takes away all series that have these labels, by name. Raises ValueError for a name that it has not."""
        if unknown := labels.keys() - set(self._label_names):
            raise ValueError(f"{self._name} has no label {', '.join(sorted(unknown))}")
        wanted = [(self._label_names.index(name), str(value)) for name, value in labels.items()]
        with self._lock:
            for key in [key for key in self._series if wanted and all(key[at] == value for at, value in wanted)]:
                del self._series[key]

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """Its name and help, for a registry."""
        yield self._family()

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """What a scrape is given: buckets that add up, their count, and the sum."""
        family = self._family()
        with self._lock:
            series = list(self._series.items())
        names = [floatToGoString(bound) for bound in (*self._bounds, float("inf"))]  # type: ignore[no-untyped-call]
        for key, observed in series:
            counts, total = observed.read()
            reached, buckets = 0.0, []
            for name, count in zip(names, counts, strict=True):
                reached += count
                buckets.append((name, reached))
            family.add_metric(key, buckets, total)
        yield family

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self._name, self._help, labels=self._label_names)


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
    document: Any = load_plain_yaml(files("pipit").joinpath("metrics.yaml").read_text(encoding="utf-8"))
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
        counting = threading.Lock()
        for entry in metric_definitions():
            if process in entry.processes and not entry.external:
                self._metrics[entry.name] = _make(entry, self.registry, counting)
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


def _make(
    entry: MetricDefinition, registry: CollectorRegistry, counting: threading.Lock
) -> Counter | Gauge | Histogram:
    if entry.type == "histogram":
        return Histogram(entry.name, entry.help, entry.labels, entry.buckets, registry, counting)
    kind = Counter if entry.type == "counter" else Gauge
    return kind(entry.name, entry.help, entry.labels, registry=registry)
