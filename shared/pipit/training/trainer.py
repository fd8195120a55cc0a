"""What a task must bring to be trained: a `Trainer`, found by its task through the entry points of installed packages.

    prepare -> fit -> evaluate -> export -> verify -> publish

A domain registers its trainers in its `pyproject.toml`:

    [project.entry-points."pipit.trainers"]
    "my_domain.my_task" = "my_domain.my_task.train:MyTrainer"

A step owns the sub-folder of its name in the run folder: it writes there and nowhere else, and reads what earlier steps
left in theirs. The library does the last step, publish, from what `draft` gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from pipit.bundle.manifest import Decision, InputDescription, Metric, PipelineReference, ScoreHistogram
from pipit.errors import NotFound
from pipit.inputs import Input
from pipit.installed import domain_of, how_to_install, own_packages
from pipit.training.native_lines import without_chatter
from pipit.training.recipe import Recipe
from pipit.training.run import Facts, Run


@dataclass(frozen=True, slots=True)
class VariantFile:
    """One exported form of the weights."""

    name: str
    runtime: Literal["litert", "onnx"]
    path: Path


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """A further network, which the pipeline runs while it decodes."""

    runtime: Literal["litert", "onnx"]
    path: Path


@dataclass(frozen=True, slots=True)
class BundleDraft:
    """What a trainer puts into a bundle; the rest (version, lineage, digests) is the library's to add."""

    labels: tuple[str, ...]
    input: InputDescription
    pipeline: PipelineReference
    variants: tuple[VariantFile, ...]
    decision: Decision
    metrics: Mapping[str, Metric]
    golden: Sequence[Input]
    """A few raw inputs; the library keeps what each variant answers to them in the trainer's own process."""
    best_scores: ScoreHistogram
    """Of the test split, by the default variant; see `pipit.training.score_histogram`."""
    split_rule: str
    """In words that let somebody repeat it, for example "fold 4 tests, fold 3 validates, others train"."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Further files by their path in the bundle: the report, class maps, …"""
    networks: Mapping[str, NetworkFile] = field(default_factory=dict)
    """By the names that the pipeline knows."""
    base_bundle: str | None = None
    """Digest of the bundle that the training went on from."""


class Trainer(Protocol):
    """One task's training by one recipe. Every step returns a few facts for people, kept in the run's state."""

    recipe_type: ClassVar[type[Recipe]]
    recipe_folder: ClassVar[Path]
    """The domain's `configs/`."""
    default_recipe: ClassVar[str]
    distributed: ClassVar[bool]
    """Whether `fit` heeds `run.worker`, where several processes train one network; see `pipit.training.distributed`."""

    recipe: Any
    """Of `recipe_type`."""

    def __init__(self, recipe: Any, data: Path | None) -> None:
        """data: the folder of data sets, None if the machine has none. Cheap: reads no data set."""
        ...

    def data_files(self) -> Mapping[str, Path]:
        """Every file that the data set consists of, tables of labels too, by a name that is the same on every machine.

        The data set's digest is made of these. Raises NotFound if a data set is not there.
        """
        ...

    def prepare(self, run: Run) -> Facts:
        """Reads and checks every file, names the bad ones, splits by group. Raises InvalidInput."""
        ...

    def fit(self, run: Run) -> Facts:
        """Trains; goes on from what an interrupted call left in `run.scratch("fit")`."""
        ...

    def evaluate(self, run: Run) -> Facts:
        """Chooses thresholds on validation data, measures on test data, writes the report."""
        ...

    def export(self, run: Run) -> Facts:
        """Writes the variants."""
        ...

    def verify(self, run: Run) -> Facts:
        """Compares each variant with the trained network. Raises IntegrityError if one is not the same network."""
        ...

    def draft(self, run: Run) -> BundleDraft:
        """What goes into the bundle, read from what the steps left."""
        ...


def installed_trainers() -> tuple[str, ...]:
    """Tasks that installed packages can train, sorted."""
    return tuple(sorted(point.name for point in entry_points(group="pipit.trainers")))


def load_trainer(task: str) -> type[Trainer]:
    """The trainer of `task`. Raises NotFound if no installed package brings it, or lacks what it needs."""
    for point in entry_points(group="pipit.trainers", name=task):
        try:
            # It imports its framework.
            with without_chatter():
                trainer: type[Trainer] = point.load()
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in own_packages():
                raise
            raise NotFound(
                f"the trainer of {task} needs the package {error.name!r}; {how_to_install(domain_of(task), 'train')}"
            ) from error
        return trainer
    known = ", ".join(installed_trainers()) or "none"
    raise NotFound(
        f"no trainer of {task!r} is installed here (installed: {known}); {how_to_install(domain_of(task), 'train')}"
    )
