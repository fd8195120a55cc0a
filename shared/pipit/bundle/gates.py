"""Quality gates: what a bundle promises, held against what was measured.

The trainer shows them in the model card, the registry checks them at promotion; both by this code.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pipit.bundle.manifest import Gate, Manifest, Metric

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class GateResult:
    """One quality gate, held against the bundle's metrics. value: None where the bundle lacks the metric."""

    name: str
    metric: str
    comparison: str
    limit: float
    value: float | None
    passed: bool

    def __str__(self) -> str:
        value = "not measured" if self.value is None else f"{self.value:g}"
        return f"{self.name}: {self.metric} is {value}, must be {self.comparison} {self.limit:g}"


def evaluate_gates(manifest: Manifest) -> tuple[GateResult, ...]:
    """One result for each of the manifest's gates, in its order."""
    return check_gates(manifest.gates, manifest.metrics)


def check_gates(gates: Iterable[Gate], metrics: Mapping[str, Metric]) -> tuple[GateResult, ...]:
    """One result for each gate, in order. A gate whose metric is missing fails."""
    results = []
    for gate in gates:
        metric = metrics.get(gate.metric)
        passed = metric is not None and _COMPARISONS[gate.comparison](metric.value, gate.limit)
        value = None if metric is None else metric.value
        results.append(GateResult(gate.name, gate.metric, gate.comparison, gate.limit, value, passed))
    return tuple(results)
