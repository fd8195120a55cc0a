"""Reads every picture of a folder as the trainer would, and says what is wrong with it: `pipit data check`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipit.data.check import Advance, DataReport
from pipit.errors import InputTooLarge, InvalidInput, NotFound
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_image

from emotion.expression.classes import LABELS
from emotion.expression.dataset import read_dataset

FEW = 100
"""A class with fewer pictures is hard to learn."""


def check_folder(folder: Path, advance: Advance) -> DataReport:
    """Checks a folder in any of the layouts of `emotion.expression.dataset`.

    Raises NotFound for no folder or no faces.
    """
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the pictures")
    layout = layout_of(folder)
    listing = read_dataset(folder, layout)
    if not listing.faces and not listing.problems:
        raise NotFound(f"{folder} holds no pictures; put them into one folder per class, for example happy/")
    classes: Counter[str] = Counter()
    groups: set[str] = set()
    problems = list(listing.problems)
    for number, face in enumerate(listing.faces, 1):
        try:
            if face.path is not None:
                decode_image(EncodedImage(face.path.read_bytes()), shorter_side=1)
        except (InvalidInput, InputTooLarge, OSError) as error:
            problems.append(f"{face.path}: {error}")
        else:
            classes[face.label] += 1
            groups.add(face.person or face.name)
        advance(number, len(listing.faces))
    notes = [
        f"{label}: only {classes[label]} pictures; {FEW} or more are needed" for label in LABELS if classes[label] < FEW
    ]
    if not any(face.person for face in listing.faces):
        notes.append("persons are not known: nearly equal faces are kept together, the same person's others are not")
    return DataReport(
        folder=folder,
        layout=layout,
        classes=dict(sorted(classes.items())),
        recordings=len(groups),
        seconds=0.0,
        problems=tuple(problems),
        notes=tuple(notes),
    )


def layout_of(folder: Path) -> str:
    """Which layout a folder has, by what lies in it."""
    if (folder / "landmarks.npz").is_file():
        return "dfew" if (folder / "annotation.csv").is_file() else "landmarks"
    if any((folder / name).is_file() for name in ("fer2013.csv", "icml_face_data.csv")):
        return "fer2013_csv"
    if (folder / "EmoLabel").is_dir():
        return "raf_db"
    if any(folder.glob("*_set/images")):
        return "affectnet"
    return "folders"
