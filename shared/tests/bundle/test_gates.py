from __future__ import annotations

import pytest
from pipit.bundle import Manifest
from pipit.bundle.gates import GateResult, check_gates, evaluate_gates
from pipit.bundle.manifest import Gate, Metric


@pytest.mark.parametrize(
    ("comparison", "value", "passed"),
    [
        (">", 0.71, True),
        (">", 0.7, False),
        (">=", 0.7, True),
        (">=", 0.69, False),
        ("<", 0.69, True),
        ("<", 0.7, False),
        ("<=", 0.7, True),
        ("<=", 0.71, False),
    ],
)
def test_a_gate_compares_as_it_is_written(comparison: str, value: float, passed: bool) -> None:
    gate = Gate.model_validate({"name": "good", "metric": "accuracy", "comparison": comparison, "limit": 0.7})
    (result,) = check_gates([gate], {"accuracy": Metric(value=value, samples=10)})
    assert result == GateResult("good", "accuracy", comparison, 0.7, value, passed)
    assert str(result) == f"good: accuracy is {value:g}, must be {comparison} 0.7"


def test_a_gate_without_its_metric_fails_and_says_so() -> None:
    (result,) = check_gates([Gate(name="fits", metric="size_mb", comparison="<", limit=5.0)], {})
    assert not result.passed
    assert result.value is None
    assert str(result) == "fits: size_mb is not measured, must be < 5"


def test_a_manifest_is_held_to_its_own_gates(draft: Manifest) -> None:
    assert evaluate_gates(draft) == (GateResult("accuracy", "accuracy", ">", 0.7, 0.9, passed=True),)
    assert evaluate_gates(draft.model_copy(update={"gates": ()})) == ()
