"""Shows a detector real pictures that nobody drew boxes in: photographs of prints, and pictures without any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pipit.errors import InputTooLarge, InvalidInput
from pipit.training.progress import Progress

from footprints.detector.labels import ENDINGS
from footprints.detector.recipe import DetectorRecipe
from footprints.detector.searching import exported_outputs, read_outputs, read_pixels, read_squares
from footprints.detector.sheets import Entry
from footprints.prints import FinderSettings, Print

ON_SHEET = 64


@dataclass(frozen=True, slots=True)
class Looked:
    """found: of so many photographs, those in which a print is found; false: of so many pictures without prints.

    shown: of photographs drawn at random, whatever is found in them.
    """

    photographs: int
    found: int
    without: int
    false: int
    shown: list[Entry]


def look(
    network: Path,
    settings: FinderSettings,
    photographs: Sequence[Path],
    recipe: DetectorRecipe,
    data: Path | None,
    progress: Progress,
) -> Looked:
    """photographs: that neither trained nor chose the threshold."""
    without = _without_prints(recipe, data)
    prints = _search(network, settings, photographs, "looking at real photographs", progress)
    nothing = _search(network, settings, without, "looking at pictures without prints", progress)
    order = np.random.default_rng(recipe.seed).permutation(len(photographs))[:ON_SHEET]
    return Looked(
        photographs=len(photographs),
        found=sum(map(bool, prints)),
        without=len(without),
        false=sum(map(bool, nothing)),
        shown=[Entry(read_pixels(photographs[i]), prints[i]) for i in order],
    )


def _search(
    network: Path, settings: FinderSettings, paths: Sequence[Path], text: str, progress: Progress
) -> list[tuple[Print, ...]]:
    if not paths:
        return []
    squares, placements = read_squares(paths, settings.size)
    with progress.track(text, len(paths)) as bar:
        return read_outputs(exported_outputs(network, squares, bar.advance), placements, settings)


def _without_prints(recipe: DetectorRecipe, data: Path | None) -> list[Path]:
    """Drawn by the seed, about as many from each folder; what can't be read is left out."""
    generator = np.random.default_rng(recipe.seed)
    folders = [list(_pictures(data / name)) for name in recipe.looking.without_prints] if data is not None else []
    folders = [paths for paths in folders if paths]
    share = -(-recipe.looking.pictures // max(len(folders), 1))
    chosen = [paths[i] for paths in folders for i in generator.permutation(len(paths))[:share]]
    return [path for path in chosen[: recipe.looking.pictures] if _is_readable(path)]


def _pictures(folder: Path) -> Iterator[Path]:
    yield from (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in ENDINGS and path.is_file())


def _is_readable(path: Path) -> bool:
    try:
        read_pixels(path)
    except (InvalidInput, InputTooLarge):
        return False
    return True
