"""Real pictures in which there is no print: they train, choose the threshold and test, each kind counted by itself.

data sets whose `trains` is true ─ groups (people) drawn to the three sides ─┐
bare ground of the photographs ─── as the photographs are split ─────────────┼─> pictures without a box
the other data sets ────────────── all of it tests: kinds never trained ─────┘
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pipit.errors import InputTooLarge, InvalidInput, NotFound
from pipit.training.by_input.pictures.listing import pictures_below, read_pixels
from pipit.training.intervals import Estimate, wilson
from pipit.training.sides import SIDES
from pipit.training.splits import split_samples

from footprints.detector.data import LabelledPicture
from footprints.detector.recipe import GROUND, DetectorRecipe, PrintlessSource
from footprints.prints import Print

UNSEEN = "unseen"
"""All kinds that never trained, together."""


@dataclass(frozen=True, slots=True)
class Printless:
    """pictures: each on its side. problems: a line for each that can't be read. absent: data sets that are missing."""

    pictures: tuple[LabelledPicture, ...]
    problems: tuple[str, ...]
    absent: tuple[str, ...]


def present_sources(recipe: DetectorRecipe, data: Path | None) -> Iterator[tuple[PrintlessSource, Path]]:
    """The recipe's data sets without prints, with their folders. Raises NotFound for one that has to be there."""
    for source in recipe.printless:
        try:
            yield source, source.folder(data)
        except NotFound:
            if not source.optional:
                raise


def printless_files(recipe: DetectorRecipe, data: Path | None) -> dict[str, Path]:
    """Every picture by a name that is the same on every machine. Raises NotFound as `present_sources`."""
    return {
        f"{source.name}/{path.relative_to(folder).as_posix()}": path
        for source, folder in present_sources(recipe, data)
        for path in pictures_below(folder)
    }


def read_printless(recipe: DetectorRecipe, data: Path | None) -> Printless:
    """Pictures of the recipe's data sets. Raises NotFound as `present_sources`, InvalidInput for too few groups."""
    pictures, problems, present = [], [], []
    for source, folder in present_sources(recipe, data):
        present.append(source)
        for path in pictures_below(folder):
            try:
                height, width, _ = read_pixels(path).shape
            except (InvalidInput, InputTooLarge, OSError) as error:
                problems.append(f"{path}: {error}")
                continue
            pictures.append(LabelledPicture(path, "test", _group(path, source), (width, height), (), source.name))
    trained = {source.name for source in recipe.printless if source.trains}
    drawn = _draw_sides([picture for picture in pictures if picture.kind in trained], recipe)
    absent = tuple(source.path for source in recipe.printless if source not in present)
    kept = [*limited(drawn, recipe), *(picture for picture in pictures if picture.kind not in trained)]
    return Printless(tuple(kept), tuple(problems), absent)


def limited(pictures: Sequence[LabelledPicture], recipe: DetectorRecipe) -> list[LabelledPicture]:
    """Without the pictures that would train beyond what the recipe takes of each kind."""
    generator = np.random.default_rng(recipe.seed)
    most = recipe.without_prints.train
    kept: list[LabelledPicture] = []
    for kind in sorted({picture.kind for picture in pictures}):
        train = [p for p in pictures if p.kind == kind and p.side == "train"]
        chosen = np.sort(generator.permutation(len(train))[:most])
        kept += [train[i] for i in chosen] + [p for p in pictures if p.kind == kind and p.side != "train"]
    return kept


def quiet_threshold(pictures: Sequence[LabelledPicture], found: Sequence[Sequence[Print]], share: float) -> float:
    """Least score at which at most `share` of the pictures of each kind have a print found in them.

    pictures: without prints; 0 for none of them. found: of each, best first.
    """
    best = np.array([prints[0].score if prints else 0.0 for prints in found])
    kinds = np.array([picture.kind for picture in pictures], dtype=object)
    return max((_exceeded_by(best[kinds == kind], share) for kind in set(kinds)), default=0.0)


def shares_found(
    pictures: Sequence[LabelledPicture],
    found: Sequence[Sequence[Print]],
    threshold: float,
    recipe: DetectorRecipe,
) -> dict[str, Estimate]:
    """Share of pictures in which a print is found: by kind, of all kinds that trained under "", and `UNSEEN`.

    The interval is Wilson's with groups for trials: pictures of one person are alike.
    """
    unseen = {source.name for source in recipe.printless if not source.trains}
    wrong = np.array([any(one.score >= threshold for one in prints) for prints in found], bool)
    kinds = np.array([picture.kind for picture in pictures], dtype=object)
    chosen: Mapping[str, NDArray[np.bool_]] = {
        "": ~np.isin(kinds, list(unseen)),
        **{kind: kinds == kind for kind in sorted(set(kinds))},
        UNSEEN: np.isin(kinds, list(unseen)),
    }
    groups = np.array([picture.source for picture in pictures], dtype=object)
    return {name: share_of_groups(wrong[rows], groups[rows]) for name, rows in chosen.items() if rows.any()}


def share_of_groups(hits: Sequence[bool] | NDArray[np.bool_], groups: Sequence[str] | NDArray[np.object_]) -> Estimate:
    """Of pictures, at least one; its interval is Wilson's with groups for trials."""
    value, count = float(np.mean(hits)), len(set(groups))
    return Estimate(value, len(hits), *wilson(value * count, count))


def ground_pictures(
    folder: Path, recipe: DetectorRecipe, written: Iterable[tuple[str, str, str]]
) -> tuple[LabelledPicture, ...]:
    """Bare ground that was cut from photographs. written: picture in `folder`, its side, its photograph."""
    pictures = []
    for name, side, source in written:
        height, width, _ = read_pixels(folder / name).shape
        pictures.append(LabelledPicture(folder / name, side, source, (width, height), (), GROUND))
    return tuple(limited(pictures, recipe))


def _group(path: Path, source: PrintlessSource) -> str:
    return path.parent.name if source.groups == "folder" else re.sub(r"[ _-]*\d+$", "", path.stem) or path.stem


def _draw_sides(pictures: Sequence[LabelledPicture], recipe: DetectorRecipe) -> list[LabelledPicture]:
    if not pictures:
        return []
    kinds, groups = [picture.kind for picture in pictures], [picture.source for picture in pictures]
    drawn = split_samples(recipe.split, kinds, groups, [""] * len(pictures), recipe.seed)
    return [
        LabelledPicture(p.path, side, p.source, p.size, p.boxes, p.kind)
        for side in SIDES
        for p in (pictures[i] for i in getattr(drawn, side))
    ]


def _exceeded_by(scores: NDArray[np.float64], share: float) -> float:
    """The least threshold that at most `share` of the scores reach: just above the first one that may not."""
    order = np.sort(scores)[::-1]
    allowed = int(share * len(order))
    return float(np.nextafter(order[allowed], np.inf)) if allowed < len(order) else 0.0
