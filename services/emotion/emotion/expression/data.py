"""Reads faces with a label, in seven layouts, which a recipe may mix; and `pipit data check emotion.expression`.

    folders      [<part>/]<class>/<picture>; labels.csv, optional: filename,person    any folder per class
    fer2013      {train,test}/<class>/<picture>                            https://www.kaggle.com/datasets/msambare/fer2013
    fer2013_csv  fer2013.csv or icml_face_data.csv: emotion,pixels,Usage   the original, 48 x 48 numbers a line
    raf_db       EmoLabel/list_patition_label.txt, Image/aligned/<name>_aligned.jpg   http://www.whdeld.cn/RAF/model1.html
    affectnet    {train,val}_set/images/<n>.jpg, annotations/<n>_exp.npy   http://mohammadmahoor.com/affectnet/
    dfew         landmarks.npz and annotation.csv: video_name,annotation   https://dfew-dataset.github.io/
    landmarks    landmarks.npz, made of <class>/<picture or video> by `pipit data landmarks`

DFEW's clips become landmarks.npz by `pipit data landmarks --input <clips> --output landmarks.npz`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from pipit.bundle.manifest import Manifest
from pipit.data.check import Advance, DataReport
from pipit.data.tables import rows_of
from pipit.errors import InvalidInput, NotFound
from pipit.inputs.suffixes import PICTURES
from pipit.landmarks.files import read_landmarks
from pipit.training.by_input.faces.check import check_faces
from pipit.training.by_input.faces.evaluating import face_examples
from pipit.training.by_input.faces.labelled import (
    LANDMARKS,
    Face,
    LabelOf,
    face_of,
    named_within,
    no_picture,
    problems_of,
    read_folders,
    read_landmark_set,
)
from pipit.training.by_input.faces.sources import asked_by_source
from pipit.training.examples import ExampleSet
from pipit.training.source_set import Listing

from emotion.expression.classes import AFFECTNET, DFEW, FER2013, LABELS, RAF_DB, Contempt, label_named

ANNOTATION = "annotation.csv"
FER_TABLES = ("fer2013.csv", "icml_face_data.csv")
FER_SIDE = 48
FEW = 100
"""A class with fewer pictures is hard to learn."""


def read_dataset(folder: Path, kind: str, contempt: Contempt = "leave_out") -> Listing[Face]:
    """Raises InvalidInput for an unknown kind or a table that is none, NotFound where what the layout needs is not."""
    readers: dict[str, Callable[[Path, LabelOf], Listing[Face]]] = {
        "folders": read_folders,
        "fer2013": read_folders,
        "fer2013_csv": _read_fer2013_csv,
        "raf_db": _read_raf_db,
        "affectnet": _read_affectnet,
        "dfew": _read_dfew,
        "landmarks": read_landmark_set,
    }
    if kind not in readers:
        raise InvalidInput(f"a data set of faces has no kind {kind!r}; it has {', '.join(sorted(readers))}")
    return named_within(folder, readers[kind](folder, partial(label_named, contempt=contempt)))


def layout_of(folder: Path) -> str:
    """Which layout a folder has, by what lies in it."""
    if (folder / LANDMARKS).is_file():
        return "dfew" if (folder / ANNOTATION).is_file() else "landmarks"
    if any((folder / name).is_file() for name in FER_TABLES):
        return "fer2013_csv"
    if (folder / "EmoLabel").is_dir():
        return "raf_db"
    if any(folder.glob("*_set/images")):
        return "affectnet"
    return "folders"


def check_folder(folder: Path, advance: Advance) -> DataReport:
    """`pipit data check emotion.expression`. Raises NotFound for no folder or no faces."""
    return check_faces(folder, advance, layout_of, read_dataset, LABELS, FEW)


def read_examples(folder: Path, manifest: Manifest) -> ExampleSet:
    """`pipit evaluate`. Raises NotFound for no folder, InvalidInput."""
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the pictures")
    examples = face_examples(read_dataset(folder, layout_of(folder)), manifest)
    return replace(examples, further=(asked_by_source,))


def _read_fer2013_csv(folder: Path, label_of: LabelOf) -> Listing[Face]:
    table = next((folder / name for name in FER_TABLES if (folder / name).is_file()), None)
    if table is None:
        raise NotFound(f"{folder} holds neither {' nor '.join(FER_TABLES)}; fetch the original table of FER2013")
    faces: list[Face] = []
    problems: list[str] = []
    for line, row in rows_of(table, ("emotion", "pixels", "Usage"), problems):
        label = FER2013.get(int(row["emotion"])) if row["emotion"].isdigit() else None
        try:
            pixels = np.array(row["pixels"].split(), dtype=np.int64)
        except (ValueError, OverflowError):
            pixels = np.zeros(0, np.int64)
        if label is None:
            problems.append(f"{table}, line {line}: emotion {row['emotion'][:20]!r} is none of 0 to 6")
        elif len(pixels) != FER_SIDE**2 or pixels.min() < 0 or pixels.max() > 255:
            problems.append(f"{table}, line {line}: pixels must be {FER_SIDE**2} numbers from 0 to 255")
        else:
            square = pixels.astype(np.uint8).reshape(FER_SIDE, FER_SIDE)
            faces.append(Face(f"{table.name}/{line}", label, fold=row["Usage"], pixels=square))
    return Listing(tuple(faces), {table.name: table}, tuple(problems))


def _read_raf_db(folder: Path, label_of: LabelOf) -> Listing[Face]:
    table = folder / "EmoLabel" / "list_patition_label.txt"
    try:
        lines = table.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise NotFound(f"{table} is missing; unpack RAF-DB's basic set there") from error
    faces, problems = [], []
    for number, line in enumerate((line for line in lines if line.strip()), 1):
        name, _, value = line.strip().partition(" ")
        label = RAF_DB.get(int(value)) if value.isdigit() else None
        path = folder / "Image" / "aligned" / f"{Path(name).stem}_aligned.jpg"
        if not path.is_file():
            path = folder / "Image" / "original" / Path(name).name
        if label is None:
            problems.append(f"{table}, line {number}: {line[:60]!r} does not end in a number from 1 to 7")
        elif not path.is_file():
            problems.append(f"{table}, line {number}: {name!r} is neither in Image/aligned nor in Image/original")
        else:
            faces.append(Face(path.relative_to(folder).as_posix(), label, fold=name.partition("_")[0], path=path))
    return Listing(tuple(faces), {"EmoLabel/list_patition_label.txt": table}, tuple(problems))


def _read_affectnet(folder: Path, label_of: LabelOf) -> Listing[Face]:
    faces, problems, tables = [], [], {}
    paths = sorted(folder.glob("*_set/images/*"))
    if not paths:
        raise NotFound(f"{folder} holds no train_set/images or val_set/images; unpack AffectNet there")
    for path in paths:
        name = path.relative_to(folder).as_posix()
        note = path.parents[1] / "annotations" / f"{path.stem}_exp.npy"
        if path.suffix.lower() not in PICTURES:
            problems.append(f"{path}: {no_picture(path)}")
            continue
        try:
            expression = AFFECTNET[int(np.load(note, allow_pickle=False).item())]
        except FileNotFoundError:
            problems.append(f"{path}: its label {note} is missing")
        except (ValueError, KeyError, EOFError, TypeError):
            problems.append(f"{note}: holds no expression from 0 to 7")
        else:
            tables[note.relative_to(folder).as_posix()] = note
            label = label_of(expression)
            if label is not None:
                faces.append(Face(name, label, fold=path.parents[1].name, path=path))
    return Listing(tuple(faces), tables, tuple(problems))


def _read_dfew(folder: Path, label_of: LabelOf) -> Listing[Face]:
    """DFEW's clips by their number; clips that are annotated 0 have no single emotion and are left out."""
    table = read_landmarks(folder / LANDMARKS)
    by_stem = {Path(name).stem.lstrip("0") or "0": i for i, name in enumerate(table.sources.file.tolist())}
    faces, problems = [], problems_of(folder / LANDMARKS, table)
    path = folder / ANNOTATION
    for line, row in rows_of(path, ("video_name", "annotation"), problems):
        value = row["annotation"]
        source = by_stem.get(row["video_name"].lstrip("0") or "0")
        if not value.isdigit() or int(value) > len(DFEW):
            problems.append(f"{path}, line {line}: annotation {value[:20]!r} is none of 0 to {len(DFEW)}")
        elif source is None:
            problems.append(f"{path}, line {line}: clip {row['video_name']!r} is not in {folder / LANDMARKS}")
        elif int(value):
            faces.append(face_of(table, source, DFEW[int(value)]))
    return Listing(tuple(faces), {LANDMARKS: folder / LANDMARKS, ANNOTATION: path}, tuple(problems))
