"""What the demo trains on: real clips where they are, otherwise sounds that the task's domain synthesises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipit.cli.training import open_trainer
from pipit.data.sources import BACKBONES_FOLDER, ESC50, YAMNET_ONNX
from pipit.data.synthetic import SYNTHETIC_RECIPE, synthesise
from pipit.training.trainer import Trainer

_SMALL_RECIPE = "small"
"""Needs no pretrained network."""


@dataclass(frozen=True, slots=True)
class Subject:
    """data: folder of data sets. recipe: by name; empty for the task's own. description: in words, for people."""

    task: str
    data: Path
    recipe: str
    overrides: Mapping[str, Any]
    synthetic: bool
    description: str

    def trainer(self) -> Trainer:
        """The task's trainer, on this data."""
        return open_trainer(self.task, self.recipe, self.overrides, self.data)


def choose_subject(
    task: str, state: Path, data: Path | None, synthetic: bool, recipe: str, overrides: Mapping[str, Any]
) -> Subject:
    """Real clips if `data` has them and `synthetic` does not forbid it. recipe: empty for the one that fits the data.

    Raises NotFound if sounds have to be synthesised and the task's domain can't.
    """
    if data is not None and not synthetic and (data / ESC50.folder / "meta" / "esc50.csv").is_file():
        if not recipe and not (data / BACKBONES_FOLDER / YAMNET_ONNX).is_file():
            recipe = _SMALL_RECIPE
        return Subject(task, data, recipe, overrides, False, f"real clips in {data / ESC50.folder}")
    folder = synthesise(task, state / "data")
    description = f"SYNTHETIC sounds, made by a program, in {folder}: they say nothing about real houses"
    return Subject(task, folder.parent, recipe or SYNTHETIC_RECIPE, overrides, True, description)
