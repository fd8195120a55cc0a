"""Reads faces with a label, in seven layouts, which a recipe may mix.

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

from dataclasses import replace
from pathlib import Path

import numpy as np
from pipit.data.tables import rows_of
from pipit.errors import InvalidInput, NotFound

from emotion.expression.classes import AFFECTNET, FER2013, RAF_DB, Contempt, label_named
from emotion.expression.landmark_sets import read_dfew, read_landmark_set
from emotion.expression.records import Face, Listing, Reader

ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
PARTS = ("train", "test", "val", "valid", "validation")
"""Folders above the classes. They become folds."""
FER_SIDE = 48


def read_dataset(folder: Path, kind: str, contempt: Contempt = "leave_out") -> Listing:
    """Raises InvalidInput for an unknown kind or a table that is none, NotFound where what the layout needs is not."""
    readers: dict[str, Reader] = {
        "folders": _read_folders,
        "fer2013": _read_folders,
        "fer2013_csv": _read_fer2013_csv,
        "raf_db": _read_raf_db,
        "affectnet": _read_affectnet,
        "dfew": read_dfew,
        "landmarks": read_landmark_set,
    }
    if kind not in readers:
        raise InvalidInput(f"a data set of faces has no kind {kind!r}; it has {', '.join(sorted(readers))}")
    listing = readers[kind](folder, contempt)
    prefix = folder.name
    faces = tuple(
        replace(face, name=f"{prefix}/{face.name}", person=f"{prefix}/{face.person}" if face.person else "")
        for face in listing.faces
    )
    tables = {f"{prefix}/{name}": path for name, path in listing.tables.items()}
    return Listing(faces, tables, listing.problems)


def _read_folders(folder: Path, contempt: Contempt) -> Listing:
    table = folder / "labels.csv"
    tables = {table.name: table} if table.is_file() else {}
    persons = {row["filename"]: row["person"] for _, row in rows_of(table, ("filename", "person"))} if tables else {}
    faces, problems = [], []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path != table):
        name = path.relative_to(folder).as_posix()
        parts = name.split("/")
        if any(part.startswith(".") for part in parts):
            continue
        if path.suffix.lower() not in ENDINGS:
            problems.append(f"{path}: {path.suffix or 'no ending'} is no picture; take it out of the folder")
            continue
        fold = parts[0] if len(parts) > 2 and parts[0].lower() in PARTS else ""
        if len(parts) != (3 if fold else 2):
            problems.append(f"{path}: is not in a folder of a class; put it into <class>/, or train/<class>/")
            continue
        try:
            label = label_named(parts[-2], contempt)
        except KeyError:
            problems.append(f"{path}: {parts[-2]!r} is no emotion; name the folder happy, sad, neutral, angry, …")
            continue
        if label is not None:
            faces.append(Face(name, label, persons.pop(name, ""), fold, path))
        else:
            persons.pop(name, "")
    problems += [f"{table}: {name!r} is not in {folder}" for name in persons]
    return Listing(tuple(faces), tables, tuple(problems))


def _read_fer2013_csv(folder: Path, contempt: Contempt) -> Listing:
    names = ("fer2013.csv", "icml_face_data.csv")
    table = next((folder / name for name in names if (folder / name).is_file()), None)
    if table is None:
        raise NotFound(f"{folder} holds neither {' nor '.join(names)}; fetch the original table of FER2013")
    faces, problems = [], []
    for line, row in rows_of(table, ("emotion", "pixels", "Usage")):
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


def _read_raf_db(folder: Path, contempt: Contempt) -> Listing:
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


def _read_affectnet(folder: Path, contempt: Contempt) -> Listing:
    faces, problems, tables = [], [], {}
    paths = sorted(folder.glob("*_set/images/*"))
    if not paths:
        raise NotFound(f"{folder} holds no train_set/images or val_set/images; unpack AffectNet there")
    for path in paths:
        name = path.relative_to(folder).as_posix()
        note = path.parents[1] / "annotations" / f"{path.stem}_exp.npy"
        if path.suffix.lower() not in ENDINGS:
            problems.append(f"{path}: {path.suffix or 'no ending'} is no picture; take it out of the folder")
            continue
        try:
            expression = AFFECTNET[int(np.load(note, allow_pickle=False).item())]
        except FileNotFoundError:
            problems.append(f"{path}: its label {note} is missing")
        except (ValueError, KeyError, EOFError, TypeError):
            problems.append(f"{note}: holds no expression from 0 to 7")
        else:
            tables[note.relative_to(folder).as_posix()] = note
            label = label_named(expression, contempt)
            if label is not None:
                faces.append(Face(name, label, fold=path.parents[1].name, path=path))
    return Listing(tuple(faces), tables, tuple(problems))
