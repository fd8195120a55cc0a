"""A trainer of a task of series: tables read, split by recording and cut into windows once for all such tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from pipit.bundle.manifest import InputDescription
from pipit.errors import InvalidInput
from pipit.inputs import Input
from pipit.pipelines.series import StepWindows
from pipit.training.by_input.series.evaluating import read_input
from pipit.training.by_input.series.recordings import Recording, read_recordings, read_values
from pipit.training.by_input.series.settings import SeriesRecipe
from pipit.training.classifier import ClassifierTrainer
from pipit.training.run import Facts, Run
from pipit.training.sides import SIDES, Entry, Side, describe_split, require_trained
from pipit.training.source_set import Listing
from pipit.training.splits import split_samples

RecipeT = TypeVar("RecipeT", bound=SeriesRecipe)


class SeriesTrainer(ClassifierTrainer[RecipeT, Recording, Side], Generic[RecipeT]):
    """What a task brings is its network and its words. Rows of a side: windows of its recordings."""

    items_are: ClassVar[str] = "recordings"

    def __init__(self, recipe: RecipeT, data: Path | None) -> None:
        super().__init__(recipe, data)
        features = recipe.features
        self.windows = StepWindows(features.signals, features.window, features.hop, features.step_seconds)

    def read_source(self, folder: Path, source: Any) -> Listing[Recording]:
        """See `ClassifierTrainer`."""
        return read_recordings(folder)

    def input_of(self, item: Recording) -> Input:
        """See `ClassifierTrainer`."""
        return read_input(item, self.windows.signals)

    def read_items(self, run: Run, items: Sequence[Recording]) -> tuple[list[Recording], list[str], Facts]:
        """See `ClassifierTrainer`."""
        usable: list[Recording] = []
        problems: list[str] = []
        with run.progress.track(self.items_are, len(items)) as bar:
            for item in items:
                try:
                    steps = len(read_values(item.path, self.windows.signals))
                except (InvalidInput, OSError) as error:
                    problems.append(f"{item.path}: {error}")
                else:
                    if steps < self.windows.window:
                        problems.append(f"{item.path}: {steps} steps are fewer than a window of {self.windows.window}")
                    else:
                        usable.append(item)
                bar.advance()
        return usable, problems, {}

    def split_items(self, run: Run, items: Sequence[Recording]) -> tuple[list[Entry], Facts]:
        """By recording, stratified by label."""
        labels, groups = [item.label for item in items], [item.group for item in items]
        sides = split_samples(self.recipe.split, labels, groups, [""] * len(items), self.recipe.seed)
        entries = [
            Entry(items[i].name, items[i].label, items[i].group, side) for side in SIDES for i in getattr(sides, side)
        ]
        require_trained(entries)
        return entries, {}

    def split_rule(self) -> str:
        """See `ClassifierTrainer`."""
        return describe_split(self.recipe.split, self.recipe.seed, "recordings")

    def side(self, run: Run, side: str) -> Side:
        """See `ClassifierTrainer`."""
        labels, rows, truth, groups = self.labels(run), [], [], []
        for item in self.items(run, side):
            windows, _ = self.windows.cut(read_values(item.path, self.windows.signals))
            rows.append(windows)
            truth += [labels.index(item.label)] * len(windows)
            groups += [item.group] * len(windows)
        return Side(np.concatenate(rows), np.array(truth, np.int64), np.array(groups, dtype=object))

    def input(self, run: Run) -> InputDescription:
        """See `ClassifierTrainer`."""
        return InputDescription(kind="sequence", shape=self.windows.shape, units=", ".join(self.windows.signals))

    def parameters(self, run: Run) -> Mapping[str, Any]:
        """See `pipit.pipelines.series.step_windows_of`."""
        return self.windows.parameters
