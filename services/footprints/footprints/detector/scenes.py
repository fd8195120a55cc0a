"""Composes scenes with known boxes from photographs without any: `python -m footprints.detector.scenes --help`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer
from pipit.errors import AlreadyExists, NotFound, PipitError
from pipit.training.progress import RichProgress
from pipit.training.recipe import Split

from footprints.detector.scene_set import WORKERS, describe_material, gather, split_photographs, write_scenes


def scenes(
    photographs: Annotated[Path, typer.Argument(help="Folders of photographs by class, split or not.")],
    to: Annotated[Path, typer.Argument(help="Folder to write; it must not be there yet.")],
    *,
    train: Annotated[int, typer.Option(min=1, help="Scenes to train on.")] = 1200,
    validation: Annotated[int, typer.Option(min=1, help="Scenes to choose the threshold on.")] = 200,
    test: Annotated[int, typer.Option(min=1, help="Scenes to measure on.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same scenes.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = WORKERS,
) -> None:
    """Compose scenes with known boxes, in YOLO's layout, from photographs of prints without any.

    For example:
      python -m footprints.detector.scenes data/footprints scenes
      pipit train footprints.detector --recipe own --data .
    """
    progress = RichProgress()
    try:
        _write(photographs, to, {"train": train, "validation": validation, "test": test}, seed, workers, progress)
    except PipitError as error:
        progress.say(f"error: {error}")
        raise typer.Exit(1) from error


def _write(
    photographs: Path, to: Path, counts: dict[str, int], seed: int, workers: int, progress: RichProgress
) -> None:
    if not photographs.is_dir():
        raise NotFound(f"there is no folder {photographs}; name the one that holds the photographs")
    if to.exists():
        raise AlreadyExists(f"{to} is there already; delete it, or name another folder")
    found = split_photographs(photographs, Split(rule="group"), seed)
    for problem in found.problems:
        progress.say(f"left out: {problem}")
    partial = to.with_name(f"{to.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        material = gather(found.pictures, progress, workers)
        write_scenes(partial, material, counts, seed, progress, workers)
        partial.rename(to)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for side, made_of in describe_material(found.pictures, material).items():
        progress.say(f"{side}: {counts[side]} scenes of {', '.join(f'{n} {name}' for name, n in made_of.items())}")


if __name__ == "__main__":
    typer.run(scenes)
