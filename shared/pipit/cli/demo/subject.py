"""What the demo trains on: real data where they are, otherwise what the task's domain synthesises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipit.cli.training import open_trainer
from pipit.data.demo import load_demo
from pipit.data.synthetic import SYNTHETIC_RECIPE, synthesise
from pipit.training.trainer import Trainer


@dataclass(frozen=True, slots=True)
class Subject:
    """data: folder of data sets. recipe: by name; empty for the task's own.

    trained_on: in two words. description: in one sentence, for people.
    """

    task: str
    data: Path
    recipe: str
    overrides: Mapping[str, Any]
    synthetic: bool
    trained_on: str
    description: str

    def trainer(self) -> Trainer:
        """The task's trainer, on this data."""
        return open_trainer(self.task, self.recipe, self.overrides, self.data)


def choose_subject(
    task: str, state: Path, data: Path | None, synthetic: bool, recipe: str, overrides: Mapping[str, Any]
) -> Subject:
    """Real data if `data` has them and `synthetic` does not forbid it.

    task: empty for the one that is installed. recipe: empty for the one that fits the data.
    Raises NotFound if no installed domain has a demo of the task, or data have to be synthesised and it can't.
    """
    task, demo = load_demo(task)
    real = None if data is None or synthetic else demo.find(data)
    if data is not None and real is not None:
        kind = f"real {demo.real}"
        return Subject(task, data, recipe or real.recipe, overrides, False, kind, f"{kind} in {real.folder}")
    folder = synthesise(task, state / "data")
    kind = f"SYNTHETIC {demo.synthetic}"
    description = f"{kind}, made by a program, in {folder}: they say nothing about {demo.caution}"
    return Subject(task, folder.parent, recipe or SYNTHETIC_RECIPE, overrides, True, kind, description)
