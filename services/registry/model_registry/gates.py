"""Quality gates: what a bundle promises, held against what was measured."""

from __future__ import annotations

import operator
from collections.abc import Callable

from pipit.bundle import Manifest
from pipit.registry.types import GateResult

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def check_gates(manifest: Manifest) -> tuple[GateResult, ...]:
    """One result for each gate, in the manifest's order. A gate whose metric is missing fails."""
    results = []
    for gate in manifest.gates:
        metric = manifest.metrics.get(gate.metric)
        passed = metric is not None and _COMPARISONS[gate.comparison](metric.value, gate.limit)
        value = None if metric is None else metric.value
        results.append(GateResult(gate.name, gate.metric, gate.comparison, gate.limit, value, passed))
    return tuple(results)
