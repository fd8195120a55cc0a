"""Reads every picture of a folder as the trainer would, and says what is wrong with it: `pipit data check`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipit.data.check import Advance, DataReport
from pipit.errors import InputTooLarge, InvalidInput, NotFound
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_image

from footprints.names import name_of
from footprints.species.dataset import Picture, read_dataset
from footprints.species.duplicates import Hash, alike, groups_of, perceptual_hash
from footprints.species.recipe import Crops

FEW = 30
"""A class with fewer pictures is hard to split, let alone to learn."""


def check_folder(folder: Path, advance: Advance) -> DataReport:
    """Checks a folder in either layout of `footprints.species.dataset`.

    Raises NotFound for no folder or an empty one, InvalidInput for a split without anything to train on.
    """
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the pictures")
    listing = read_dataset(folder, folder.name, {})
    if not listing.pictures and not listing.problems:
        raise NotFound(f"{folder} holds no pictures; put them into one folder per class, for example beaver/")
    problems = list(listing.problems)
    usable: list[Picture] = []
    hashes: list[Hash] = []
    for number, picture in enumerate(listing.pictures, 1):
        try:
            hashes.append(_hash_of(picture.path))
            usable.append(picture)
        except (InvalidInput, InputTooLarge, OSError) as error:
            problems.append(f"{picture.path}: {error}")
        advance(number, len(listing.pictures))
    pairs = alike(hashes)
    split = any(picture.side for picture in listing.pictures)
    return DataReport(
        folder=folder,
        layout="split" if split else "unsplit",
        classes=dict(sorted(Counter(picture.label for picture in usable).items())),
        recordings=len(set(groups_of(len(usable), pairs))),
        seconds=0.0,
        problems=tuple(problems),
        notes=_notes(usable, pairs),
    )


def _hash_of(path: Path) -> Hash:
    pixels = decode_image(EncodedImage(path.read_bytes()))
    if min(pixels.shape[:2]) < Crops().smallest:
        raise InvalidInput(f"only {min(pixels.shape[:2])} pixels on its shorter side; {Crops().smallest} are needed")
    return perceptual_hash(pixels)


def _notes(pictures: list[Picture], pairs: list[tuple[int, int]]) -> tuple[str, ...]:
    counts = Counter(picture.label for picture in pictures)
    notes = [
        f"{label}: only {count} pictures; {FEW} or more are needed" for label, count in counts.items() if count < FEW
    ]
    notes += [f"{label}: its English and Latin names are not known here" for label in counts if name_of(label) is None]
    for first, second in pairs:
        one, other = pictures[first], pictures[second]
        where = "on two sides of the split" if one.side != other.side else "kept together"
        notes.append(f"nearly the same, {where}: {one.name} and {other.name}")
    return tuple(notes)
