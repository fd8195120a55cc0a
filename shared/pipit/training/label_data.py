"""Data sets of people's labels, fetched from the registry to train on.

    labels://NAME@DIGEST ──> the set ──> its contents, but the honest slice ──> <cache>/NAME-<digest12>/<class>/<file>

The folder is written beside and renamed. It holds what the registry has now: what was deleted there is deleted here
the next time that anybody trains on the set, and named.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pipit.errors import InvalidInput
from pipit.examples.client import ExampleClient
from pipit.files import beside, sha256_file
from pipit.labels.client import LabelClient
from pipit.labels.formats.folder import write_classes
from pipit.labels.gathering import all_examples
from pipit.labels.reference import Reference, read_reference
from pipit.labels.types import LabelSet, SetItem
from pipit.locks import exclusive_lock
from pipit.training.classifier import ClassifierTrainer, no_labels_for
from pipit.training.recipe import LabelData, Recipe
from pipit.training.trainer import Trainer

R = TypeVar("R", bound=Recipe)


@dataclass(frozen=True, slots=True)
class Fetched:
    """path: `labels://NAME@DIGEST`, with all of its digits. left_out: a line for each item that is not there."""

    path: str
    folder: Path
    items: int
    held_out: int
    left_out: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path}: {self.items} items train, {self.held_out} held out, {len(self.left_out)} left out"


def with_label_data(recipe: R, additional: Sequence[str]) -> R:
    """The recipe with further sets. Raises InvalidInput for a text that names none."""
    if not additional:
        return recipe
    more = tuple(LabelData(path=str(read_reference(text))) for text in additional)
    return recipe.model_copy(update={"additional_data": (*recipe.additional_data, *more)})


def fetch_label_data(
    recipe: R, kind: type[Trainer], examples: ExampleClient, labels: LabelClient, cache: Path
) -> tuple[R, list[Fetched]]:
    """Fetches the additional data of a recipe; gives the recipe with their whole digests, so that it says what it was.

    kind: the task's trainer. cache: a folder. Raises InvalidInput for a task that can't learn of them or a set of
    another task, and what the clients raise.
    """
    if not issubclass(kind, ClassifierTrainer) or kind.read_labelled is ClassifierTrainer.read_labelled:
        raise no_labels_for(recipe.task)
    sources, fetched = list[LabelData](), list[Fetched]()
    for source in recipe.additional_data:
        frozen = read_reference(source.path).fetch(labels)
        if frozen.task != recipe.task:
            raise InvalidInput(f"{source.path} is a data set of {frozen.task}, not of {recipe.task}")
        path = str(Reference(frozen.name, frozen.digest))
        if any(one.path == path for one in fetched):
            raise InvalidInput(f"{path} is named twice; leave one")
        sources.append(source.model_copy(update={"path": path}))
        fetched.append(_fetch(frozen, path, examples, cache))
    return recipe.model_copy(update={"additional_data": tuple(sources)}), fetched


def _fetch(frozen: LabelSet, path: str, examples: ExampleClient, cache: Path) -> Fetched:
    here = {example.id for example in all_examples(examples, frozen.task)[0]}
    trains = [item for item in frozen.items if not item.held_out]
    wanted = [item for item in trains if item.example in here]
    left_out = [f"{item.example} was deleted" for item in trains if item.example not in here]
    left_out += [f"{item.example} has no label of the whole" for item in wanted if not item.label]
    wanted = [item for item in wanted if item.label]
    if not wanted:
        raise InvalidInput(f"{path} holds nothing to train on; label more, and freeze it anew")
    folder = cache / f"{frozen.name}-{frozen.digest[:12]}"
    cache.mkdir(parents=True, exist_ok=True)
    with exclusive_lock(cache / f".{folder.name}.lock"):
        held = {file.stem: file for file in folder.glob("*/*")}
        digests = {name: sha256_file(file) for name, file in held.items()}
        digests_wanted = {item.example: item.sha256 for item in wanted}
        if digests != digests_wanted:
            whole = {name: file for name, file in held.items() if digests[name] == digests_wanted.get(name)}
            _write(wanted, whole, examples, frozen.task, folder)
    return Fetched(path, folder, len(wanted), len(frozen.items) - len(trains), tuple(left_out))


def _write(items: list[SetItem], held: dict[str, Path], client: ExampleClient, task: str, folder: Path) -> None:
    """held: contents of an earlier time, by example."""

    def read(example: str) -> bytes:
        return held[example].read_bytes() if example in held else client.read_content(task, example)

    part = beside(folder)
    part.mkdir()
    try:
        problems = write_classes(items, read, part, split=False)
        if problems:
            raise InvalidInput(f"the data set can't be fetched ({'; '.join(problems)[:500]}); try again")
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
