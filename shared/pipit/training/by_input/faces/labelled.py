"""Reads faces with a label, in two layouts.

    [<part>/]<class>/<picture>     labels.csv, optional: filename,person
    landmarks.npz                  of <class>/<picture or video>, by `pipit data landmarks`; `anna__3.jpg` shows anna

A person is whoever several pictures may show; pictures of one person stand on one side of a split. Where the class is
the person, nobody says more of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipit.data.tables import composed, rows_of
from pipit.errors import InvalidInput
from pipit.inputs.suffixes import PICTURES
from pipit.landmarks.files import LandmarkTable, aspect_ratios, read_landmarks
from pipit.training.source_set import Listing

PARTS = ("train", "test", "val", "valid", "validation")
"""Folders above the classes. They become folds."""
LANDMARKS = "landmarks.npz"
LARGEST = 0
PERSON_MARK = "__"
"""In the name of a file that became landmarks, behind the person."""

LabelOf = Callable[[str], str | None]
"""The label of a folder's name; None for one that is left out. Raises InvalidInput, which says what it is not."""


@dataclass(frozen=True, slots=True)
class Face:
    """One labelled picture or clip: a file, pixels, or landmarks.

    name: the same on every machine. person: "" where nobody knows. fold: the data set's own part, "" if it has none.
    pixels: grey, uint8, (height, width). landmarks: (frames, 1536), with aspect, the pictures' height over width.
    """

    name: str
    label: str
    person: str = ""
    fold: str = ""
    path: Path | None = None
    pixels: NDArray[np.uint8] | None = None
    landmarks: NDArray[np.float32] | None = None
    aspect: float = 1.0


def named_within(folder: Path, listing: Listing[Face]) -> Listing[Face]:
    """The same, with the folder's name before all names, and with the pictures among the files."""
    prefix = folder.name
    faces = tuple(
        replace(face, name=f"{prefix}/{face.name}", person=f"{prefix}/{face.person}" if face.person else "")
        for face in listing.items
    )
    pictures = {face.name: face.path for face in faces if face.path is not None}
    tables = {f"{prefix}/{name}": path for name, path in listing.files.items()}
    return Listing(faces, pictures | tables, listing.problems)


def read_folders(folder: Path, label_of: LabelOf) -> Listing[Face]:
    """Pictures in folders of their class, perhaps in parts. files: the table of persons, if there is one."""
    table = folder / "labels.csv"
    tables = {table.name: table} if table.is_file() else {}
    faces: list[Face] = []
    problems: list[str] = []
    rows = rows_of(table, ("filename", "person"), problems) if tables else ()
    persons = {composed(row["filename"]): row["person"] for _, row in rows}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path != table):
        name = path.relative_to(folder).as_posix()
        parts = name.split("/")
        if any(part.startswith(".") for part in parts):
            continue
        if path.suffix.lower() not in PICTURES:
            problems.append(f"{path}: {no_picture(path)}")
            continue
        fold = parts[0] if len(parts) > 2 and parts[0].lower() in PARTS else ""
        if len(parts) != (3 if fold else 2):
            problems.append(f"{path}: is not in a folder of a class; put it into <class>/, or train/<class>/")
            continue
        try:
            label = label_of(parts[-2])
        except InvalidInput as error:
            problems.append(f"{path}: {error}")
            continue
        person = persons.pop(composed(name), "")
        if label is not None:
            faces.append(Face(name, label, person, fold, path))
    problems += [f"{table}: {name!r} is not in {folder}" for name in persons]
    return Listing(tuple(faces), tables, tuple(problems))


def read_landmark_set(folder: Path, label_of: LabelOf) -> Listing[Face]:
    """Pictures and videos in folders of their class, of which only landmarks are left."""
    path = folder / LANDMARKS
    table = read_landmarks(path)
    faces, problems = [], problems_of(path, table)
    for source, name in enumerate(table.sources.file.tolist()):
        parts = name.split("/")
        if len(parts) < 2:
            problems.append(f"{path}: {name} was in no folder of a class")
            continue
        try:
            label = label_of(parts[-2])
        except InvalidInput as error:
            problems.append(f"{path}: {name}: {error}")
            continue
        if label is not None:
            person, mark, _ = parts[-1].partition(PERSON_MARK)
            fold = parts[0] if len(parts) > 2 else ""
            faces.append(face_of(table, source, label, person if mark else "", fold))
    return Listing(tuple(faces), {LANDMARKS: path}, tuple(problems))


def problems_of(path: Path, table: LandmarkTable) -> list[str]:
    """A line for each picture or clip that could not be read when its landmarks were made."""
    return [f"{path}: {name}: {problem}" for name, problem in table.problems.items()]


def face_of(table: LandmarkTable, source: int, label: str, person: str = "", fold: str = "") -> Face:
    """The largest face of each frame of the table's picture or clip number `source`. No rows where there was none."""
    rows = np.flatnonzero((table.source == source) & (table.face == LARGEST))
    aspect = float(1.0 / np.median(aspect_ratios(table.features[rows], table.box[rows]))) if len(rows) else 1.0
    name = str(table.sources.file[source])
    return Face(name, label, person, fold, landmarks=table.features[rows], aspect=aspect)


def no_picture(path: Path) -> str:
    """What is said of a file with another ending."""
    return f"{path.suffix or 'no ending'} is no picture; take it out of the folder"
