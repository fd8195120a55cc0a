"""Clips for the demo's last act: ones that training never saw, with what they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipit.bundle import Manifest
from pipit.errors import NotFound
from pipit.training.run import Run
from pipit.training.sides import ITEMS_FILE
from pipit.training.trainer import Trainer

_BACKGROUND_CLASSES = 3


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording and its true class, by the data set's name for it."""

    path: Path
    category: str

    def expected(self, manifest: Manifest) -> str:
        """The label that it stands for in this bundle; the background, where it is none of them."""
        background = manifest.decision.background
        return self.category if self.category in manifest.labels or background is None else background


def unseen_clips(run: Run, trainer: Trainer, labels: Sequence[str], each: int) -> list[Clip]:
    """`each` clips of every label, and of three classes that are no label, from the test side of the run's split.

    Takes of one recording are all on one side. Which clips are shown is decided by the order of their names, not by
    how they are answered. Raises NotFound if the test side holds none of the labels.
    """
    paths = trainer.data_files()
    by_category: dict[str, list[Path]] = defaultdict(list)
    for entry in sorted(run.read_json("prepare", ITEMS_FILE), key=lambda entry: str(entry["name"])):
        # A piece of a long recording is no file that could be sent.
        if entry["side"] == "test" and entry["name"] in paths:
            by_category[entry["label"]].append(paths[entry["name"]])
    wanted = [label for label in labels if label in by_category]
    if not wanted:
        raise NotFound(f"the test side of {run.folder} has no clips of {', '.join(labels)}")
    others = [category for category in sorted(by_category) if category not in labels][:_BACKGROUND_CLASSES]
    return [Clip(path, name) for name in (*wanted, *others) for path in by_category[name][:each]]
