"""Labelled inputs of a folder in a task's own layout, as `pipit evaluate` asks a bundle about them.

A domain offers them in its `pyproject.toml`:

    [project.entry-points."pipit.examples"]
    "my_domain.my_task" = "my_domain.my_task.data:read_examples"

What is asked is the served pipeline: an example gives what a caller would send, and no tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.bundle.manifest import Decision, Manifest, Metric
from pipit.errors import NotFound
from pipit.inputs import Input
from pipit.installed import domain_of, how_to_install
from pipit.pipelines.served import Served
from pipit.training.progress import Progress
from pipit.types import Prediction, TimeSpan

Choose = Callable[[Sequence[Prediction]], Prediction]
"""Of the parts of an answer, at least one, the part that the example's label is about."""


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled input. name, group: as the task's trainer names them; group: what several examples were cut from.

    label: as the data name it. label_at: of inputs whose windows have each a label, or a part without one (None); every
    window is then measured by itself. Otherwise one part stands for the whole.
    """

    name: str
    label: str
    group: str
    read: Callable[[], Input]
    label_at: Callable[[TimeSpan], str | None] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a bundle answered; one row for each example, or each window that has a label.

    labels: the bundle's, in order. truth: positions of them, (rows,). scores: (rows, labels). groups: of the examples,
    (rows,). examples, predictions: of the rows. answered: every example with a label of the bundle's, and its whole
    answer.
    """

    served: Served
    labels: tuple[str, ...]
    decision: Decision
    truth: NDArray[np.int64]
    scores: NDArray[np.float32]
    groups: NDArray[Any]
    examples: tuple[Example, ...]
    predictions: tuple[Prediction, ...]
    answered: tuple[tuple[Example, tuple[Prediction, ...]], ...]
    seed: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class Further:
    """What a task measures beside the usual. table: for people, its first row the head. details: JSON's types.

    write: leaves further files in the report's folder.
    """

    metrics: Mapping[str, Metric]
    title: str = ""
    table: Sequence[tuple[str, ...]] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    write: Callable[[Path], object] | None = None


def first(predictions: Sequence[Prediction]) -> Prediction:
    """The first part: of several faces the largest, of several prints the surest."""
    return predictions[0]


@dataclass(frozen=True, slots=True)
class ExampleSet:
    """examples: listed, not read. problems: a line for each entry that can't be used.

    subsets: labels by the name of the subset, whose accuracy is measured apart. further: each measures something more
    of what was answered.
    """

    examples: tuple[Example, ...]
    problems: tuple[str, ...] = ()
    choose: Choose = first
    subsets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    further: Sequence[Callable[[Asked], Further]] = ()


ReadExamples = Callable[[Path, Manifest], ExampleSet | Callable[[Served, Progress], Further]]
"""From a folder and the bundle's manifest. A task whose truth is no label (boxes) measures the folder by itself."""


def load_examples(task: str) -> ReadExamples:
    """How data of `task` are read. Raises NotFound."""
    for point in entry_points(group="pipit.examples", name=task):
        read: ReadExamples = point.load()
        return read
    known = ", ".join(sorted(entry_points(group="pipit.examples").names)) or "none"
    raise NotFound(
        f"no installed domain reads labelled data of {task!r} (there are: {known}); "
        f"{how_to_install(domain_of(task), 'train')}"
    )
