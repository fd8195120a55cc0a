"""Reads every picture of a folder as a trainer would, and says what is wrong with it: `pipit data check`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from pipit.data.check import Advance, DataReport
from pipit.data.duplicates import Hash, alike, groups_of, perceptual_hash
from pipit.errors import InputTooLarge, InvalidInput, NotFound
from pipit.training.by_input.pictures.listing import Picture, read_pixels
from pipit.training.source_set import Listing

FEW = 30
"""A class with fewer pictures is hard to split, let alone to learn."""


def check_pictures(
    folder: Path, read: Callable[[Path], Listing[Picture]], smallest: int, advance: Advance
) -> DataReport:
    """Checks a folder in either layout of `pipit.training.by_input.pictures.listing`.

    read: lists it. smallest: pixels that a picture needs on its shorter side. Raises NotFound for no folder or an empty
    one, InvalidInput for a split without anything to train on.
    """
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the pictures")
    listing = read(folder)
    if not listing.items and not listing.problems:
        raise NotFound(f"{folder} holds no pictures; put them into one folder per class, each named as its class")
    problems = list(listing.problems)
    usable: list[Picture] = []
    hashes: list[Hash] = []
    for number, picture in enumerate(listing.items, 1):
        try:
            hashes.append(perceptual_hash(read_pixels(picture.path, smallest=smallest)))
            usable.append(picture)
        except (InvalidInput, InputTooLarge, OSError) as error:
            problems.append(f"{picture.path}: {error}")
        advance(number, len(listing.items))
    pairs = alike(hashes)
    split = any(picture.side for picture in listing.items)
    return DataReport(
        folder=folder,
        layout="split" if split else "unsplit",
        classes=dict(sorted(Counter(picture.label for picture in usable).items())),
        recordings=len(set(groups_of(len(usable), pairs))),
        seconds=0.0,
        problems=tuple(problems),
        notes=_notes(usable, pairs),
    )


def _notes(pictures: Sequence[Picture], pairs: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    counts = Counter(picture.label for picture in pictures)
    notes = [
        f"{label}: only {count} pictures; {FEW} or more are needed" for label, count in counts.items() if count < FEW
    ]
    for first, second in pairs:
        one, other = pictures[first], pictures[second]
        where = "on two sides of the split" if one.side != other.side else "kept together"
        notes.append(f"nearly the same, {where}: {one.name} and {other.name}")
    return tuple(notes)
