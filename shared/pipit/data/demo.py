"""What `pipit demo` asks of a task: which real data there is to train on, and how to speak of it.

A domain offers it in its `pyproject.toml`:

    [project.entry-points."pipit.demo"]
    "my_domain.my_task" = "my_domain.demo:MY_TASK"

The task's trainer is a `pipit.training.classifier.ClassifierTrainer`, whose items says what no training saw, and
the task can synthesise data (`pipit.data.synthetic`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from pipit.errors import NotFound
from pipit.installed import how_to_install

_GROUP = "pipit.demo"


@dataclass(frozen=True, slots=True)
class RealData:
    """folder: of the data set. recipe: that fits what is there; empty for the task's own."""

    folder: Path
    recipe: str = ""


@dataclass(frozen=True, slots=True)
class DemoTask:
    """real: what the real files are called, for people ("clips"). synthetic: what a program makes ("sounds").

    caution: what that says nothing about ("real houses"). find: the real data below the data folder, if it is there.
    """

    real: str
    synthetic: str
    caution: str
    find: Callable[[Path], RealData | None]


def load_demo(task: str) -> tuple[str, DemoTask]:
    """The task that a demo is of, and its part of it. task: empty for the first that is installed. Raises NotFound."""
    points = sorted(entry_points(group=_GROUP), key=lambda point: point.name)
    for point in points:
        if task in ("", point.name):
            found: DemoTask = point.load()
            return point.name, found
    known = ", ".join(point.name for point in points)
    if known:
        raise NotFound(f"there is no demo of {task!r}; there is one of {known}")
    raise NotFound(f"no installed domain brings a demo; {how_to_install('', 'train')}; `make demo` does all of it")
