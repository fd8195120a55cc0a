"""The teacher of a student: a run of another recipe of cries, and what its network says to a recording.

    teacher: yamnet      ─> that recipe on the student's own recordings and split, trained if it is not yet ─┐
    teacher: runs/…/…    ─> that run, if no baby that it learnt from is held out from the student ───────────┴─> logits

Its run tells which babies it heard, and a bundle does not: so a teacher is a run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipit.errors import InvalidInput, NotFound
from pipit.training.kit import exported
from pipit.training.recipe import find_recipe, load_recipe, recipe_names
from pipit.training.run import Run, open_run
from pipit.training.sides import ITEMS_FILE
from pipit.training.steps import actions_of, run_steps

from baby_monitor.cry.encoders import encoder_files
from baby_monitor.cry.labels import NO_CRY, reasons_among
from baby_monitor.cry.pipeline import OUTPUT
from baby_monitor.cry.reading import baby_of
from baby_monitor.cry.recipe import CryRecipe
from baby_monitor.cry.stream import INPUT

RECIPE, ITEMS, NETWORK = Path("recipe.yaml"), Path("prepare") / ITEMS_FILE, Path("export") / "float32.onnx"
"""Of a run folder."""
SHARED = ("data", "reasons", "features", "split", "seed", "skip_bad_files")
"""What a teacher that is trained for a student takes from the student's recipe."""
HELD_OUT = {"train": ("validation", "test"), "validation": ("test",)}
"""Sides of the student on which no baby may be whom the teacher heard on the side before."""
AT_ONCE = 8
"""Windows that a teacher is asked about together: the layers of one that hears samples fill 1 GB."""
Entries = Sequence[Mapping[str, Any]]
"""Prepared items."""


def teacher_files(recipe: CryRecipe, folder: Path, data: Path | None) -> Mapping[str, Path]:
    """What decides how a student is taught, by names that are the same on every machine. folder: of recipes.

    Raises NotFound.
    """
    if not recipe.has_teacher:
        return {}
    if _is_recipe(recipe, folder):
        path = find_recipe(folder, recipe.task, recipe.teacher)
        return {f"teacher/{path.name}": path} | encoder_files(load_recipe(path, CryRecipe), data)
    files = {name.name: Path(recipe.teacher).expanduser() / name for name in (RECIPE, ITEMS, NETWORK)}
    for path in files.values():
        if not path.is_file():
            raise NotFound(
                f"the teacher {recipe.teacher!r} is no recipe of {recipe.task} "
                f"({', '.join(recipe_names(folder, recipe.task))}), and no trained run: {path} is not there"
            )
    return {f"teacher/{name}": path for name, path in files.items()}


def find_teacher(recipe: CryRecipe, folder: Path, make: Callable[[CryRecipe], Any], run: Run) -> Teacher:
    """Trains the teacher that the recipe names, beside the student's run, or takes the run that it names.

    folder: of recipes. make: gives the trainer of a recipe. Raises NotFound, InvalidInput, and what training raises.
    """
    if not _is_recipe(recipe, folder):
        return read_teacher(Path(recipe.teacher).expanduser())
    own = load_recipe(find_recipe(folder, recipe.task, recipe.teacher), CryRecipe)
    # What nobody labelled teaches it nothing; without that its run is the one that the recipe has by itself.
    labelled = tuple(source for source in recipe.data if source.kind != "unlabelled")
    shared = {name: getattr(recipe, name) for name in SHARED}
    trainer = make(own.model_copy(update={**shared, "data": labelled}))
    with open_run(trainer, run.folder.parents[1], run.progress) as teachers:
        run.progress.say(f"the teacher comes first: {own.name}, in {teachers.folder}")
        run_steps(teachers, actions_of(trainer), "export")
    return read_teacher(teachers.folder)


def read_teacher(folder: Path) -> Teacher:
    """The run in `folder`. Raises NotFound, InvalidInput."""
    return Teacher(folder, load_recipe(folder / RECIPE, CryRecipe), json.loads((folder / ITEMS).read_bytes()))


@dataclass(frozen=True)
class Teacher:
    """A trained network. folder: of its run. entries: what it was trained, validated and tested on."""

    folder: Path
    recipe: CryRecipe
    entries: Entries

    def require_fit(self, recipe: CryRecipe, entries: Entries) -> None:
        """Raises InvalidInput if it heard a baby that is held out from the student, or was asked something else.

        recipe, entries: the student's.
        """
        own, theirs = (reasons_among(str(entry["label"]) for entry in side) for side in (entries, self.entries))
        if own != theirs:
            raise InvalidInput(
                f"the teacher {self.folder} knows {', '.join(theirs)}, not {', '.join(own)}; take another"
            )
        if recipe.features != self.recipe.features:
            raise InvalidInput(
                f"the teacher {self.folder} hears other windows; let both recipes have the same features"
            )
        for side, held_out in HELD_OUT.items():
            heard = babies_on(self.entries, (side,))
            if both := sorted(heard & babies_on(entries, held_out)):
                raise InvalidInput(
                    f"{len(both)} recorders of the teacher's {side} side are held out from the student "
                    f"({' or '.join(held_out)}), for example {both[0]}: what it knows of them would be measured as the "
                    f"student's. Give both recipes the same data, split and seed, or let `teacher` name a recipe; the "
                    f"teacher is {self.folder}"
                )

    def listens_as(self, recipe: CryRecipe) -> CryRecipe:
        """The student's recipe, by which recordings become rows of the teacher's input: varied alike, heard its way."""
        gate = recipe.gate if self.recipe.gate == "none" else self.recipe.gate
        return recipe.model_copy(update={"network": self.recipe.network, "gate": gate})

    def answers(self, rows: NDArray[np.float32], run: Run) -> NDArray[np.float32]:
        """Logits of reasons, (n, reasons). rows: of the teacher's input."""
        found = []
        with (
            exported(self.folder / NETWORK, "onnx", (INPUT, OUTPUT)) as ask,
            run.progress.track("asking the teacher", len(rows)) as bar,
        ):
            for start in range(0, len(rows), AT_ONCE):
                found.append(ask(rows[start : start + AT_ONCE])[:, 1:])
                bar.advance(len(found[-1]))
        return np.concatenate(found)


def babies_on(entries: Entries, sides: Sequence[str]) -> set[str]:
    """Whose cries stand on these sides."""
    return {baby_of(str(entry["group"])) for entry in entries if entry["side"] in sides and entry["label"] != NO_CRY}


def _is_recipe(recipe: CryRecipe, folder: Path) -> bool:
    return recipe.teacher in recipe_names(folder, recipe.task)
