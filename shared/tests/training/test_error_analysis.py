"""Which mistakes are the worst, what is taken for what, and in which groups."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pipit.answers import predict
from pipit.bundle.manifest import Decision
from pipit.errors import InvalidInput
from pipit.inputs import TensorInput
from pipit.training.error_analysis import (
    NOTHING,
    UNKNOWN,
    GroupErrors,
    answer_of,
    asked_of,
    errors_by_group,
    most_confused,
    said_by_truth,
    worst_mistakes,
)
from pipit.training.examples import Asked, Example
from pipit.training.progress import LogProgress
from pipit.types import Prediction, TimeSpan

LABELS = ("cat", "dog", "none")
ROWS = [
    ("a", "home", "cat", (0.9, 0.1, 0.0)),
    ("b", "home", "cat", (0.2, 0.7, 0.1)),
    ("c", "yard", "dog", (0.6, 0.3, 0.1)),
    ("d", "yard", "cat", (0.0, 1.0, 0.0)),
    ("e", "yard", "none", (0.4, 0.35, 0.25)),
    ("f", "barn", "dog", (0.1, 0.8, 0.1)),
]


def asked(decision: Decision) -> Asked:
    values: Any = None
    examples = tuple(
        Example(name, label, group, lambda: TensorInput("x", np.zeros(1))) for name, group, label, _ in ROWS
    )
    scores = np.array([row for *_, row in ROWS], np.float32)
    return Asked(
        served=values,
        labels=LABELS,
        decision=decision,
        truth=np.array([LABELS.index(label) for _, _, label, _ in ROWS]),
        scores=scores,
        groups=np.array([group for _, group, _, _ in ROWS], object),
        examples=examples,
        predictions=tuple(predict(row, LABELS, decision, None) for row in scores),
        answered=(),
        seed=1,
        progress=LogProgress(),
    )


def test_the_surest_mistake_comes_first() -> None:
    found = worst_mistakes(asked(Decision()))
    assert [(one.example.name, one.truth, one.best) for one in found] == [
        ("d", "cat", "dog"),
        ("b", "cat", "dog"),
        ("c", "dog", "cat"),
        ("e", "none", "cat"),
    ]
    assert [one.surer for one in found] == pytest.approx([1.0, 0.5, 0.3, 0.15])
    assert [one.example.name for one in worst_mistakes(asked(Decision()), most=2)] == ["d", "b"]


def test_a_mistake_says_where_it_is() -> None:
    decision, mistake = Decision(), worst_mistakes(asked(Decision()))[0]
    assert mistake.where == "d"
    window = predict(np.array([0.0, 1.0, 0.0]), LABELS, decision, TimeSpan(2.5, 7.5))
    assert replace(mistake, prediction=window).where == "d, 2.5 to 7.5 s"


def test_pairs_and_groups() -> None:
    rows = asked(Decision())
    assert most_confused(rows) == (("cat", "dog", 2), ("dog", "cat", 1), ("none", "cat", 1))
    assert errors_by_group(rows) == (GroupErrors("yard", 3, 3), GroupErrors("home", 2, 1), GroupErrors("barn", 1, 0))


def test_what_was_said_is_not_what_was_best() -> None:
    said = said_by_truth(asked(Decision(unknown_below=0.5)))
    assert said == {"cat": {"cat": 1, "dog": 2}, "dog": {"cat": 1, "dog": 1}, "none": {UNKNOWN: 1}}
    thresholds = {"cat": 0.95, "dog": 0.95}
    said = said_by_truth(asked(Decision(background="none", thresholds=thresholds)))
    assert said == {"cat": {"dog": 1, "none": 2}, "dog": {"none": 2}, "none": {"none": 1}}
    assert answer_of(Prediction(())) == NOTHING


def test_a_task_without_labels_is_told_so() -> None:
    found: Any = type("Found", (), {"answers": None, "task": "house.boxes"})()
    with pytest.raises(InvalidInput, match=r"house\.boxes answers with more than labels"):
        asked_of(found)
