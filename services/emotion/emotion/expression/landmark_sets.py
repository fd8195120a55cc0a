"""Data sets whose pictures or clips have become landmark files already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pipit.data.tables import rows_of
from pipit.inputs.landmarks.files import LandmarkTable, aspect_ratios, read_landmarks

from emotion.expression.classes import DFEW, Contempt, label_named
from emotion.expression.records import Face, Listing

FILE, ANNOTATION = "landmarks.npz", "annotation.csv"
LARGEST = 0
PERSON_MARK = "__"
"""In a file's name, behind the person: `anna__3.jpg`."""


def read_landmark_set(folder: Path, contempt: Contempt) -> Listing:
    """Pictures and videos in folders of their class; what stands before `__` in a file's name is the person."""
    table = read_landmarks(folder / FILE)
    faces, problems = [], _problems(folder, table)
    for source, name in enumerate(table.sources.file.tolist()):
        parts = name.split("/")
        try:
            label = label_named(parts[-2], contempt) if len(parts) > 1 else None
        except KeyError:
            problems.append(f"{folder / FILE}: {name}: {parts[-2]!r} is no emotion")
            continue
        if len(parts) < 2:
            problems.append(f"{folder / FILE}: {name} was in no folder of a class")
        elif label is not None:
            person, mark, _ = parts[-1].partition(PERSON_MARK)
            fold = parts[0] if len(parts) > 2 else ""
            faces.append(_face(table, source, name, label, person if mark else "", fold))
    return Listing(tuple(faces), {FILE: folder / FILE}, tuple(problems))


def read_dfew(folder: Path, contempt: Contempt) -> Listing:
    """DFEW's clips by their number; clips that are annotated 0 have no single emotion and are left out."""
    table = read_landmarks(folder / FILE)
    by_stem = {Path(name).stem.lstrip("0") or "0": i for i, name in enumerate(table.sources.file.tolist())}
    faces, problems = [], _problems(folder, table)
    path = folder / ANNOTATION
    for line, row in rows_of(path, ("video_name", "annotation")):
        value = row["annotation"]
        source = by_stem.get(row["video_name"].lstrip("0") or "0")
        if not value.isdigit() or int(value) > len(DFEW):
            problems.append(f"{path}, line {line}: annotation {value[:20]!r} is none of 0 to {len(DFEW)}")
        elif source is None:
            problems.append(f"{path}, line {line}: clip {row['video_name']!r} is not in {folder / FILE}")
        elif int(value):
            faces.append(_face(table, source, table.sources.file[source], DFEW[int(value)], "", ""))
    return Listing(tuple(faces), {FILE: folder / FILE, ANNOTATION: path}, tuple(problems))


def _problems(folder: Path, table: LandmarkTable) -> list[str]:
    return [f"{folder / FILE}: {name}: {problem}" for name, problem in table.problems.items()]


def _face(table: LandmarkTable, source: int, name: str, label: str, person: str, fold: str) -> Face:
    """The largest face of each frame, oldest first. No rows where there was none."""
    rows = np.flatnonzero((table.source == source) & (table.face == LARGEST))
    aspect = float(1.0 / np.median(aspect_ratios(table.features[rows], table.box[rows]))) if len(rows) else 1.0
    return Face(str(name), label, person, fold, landmarks=table.features[rows], aspect=aspect)
