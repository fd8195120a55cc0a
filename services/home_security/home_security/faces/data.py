"""Pictures of people who are to be known, and of strangers who are not.

    people    known/<person>/*.jpg, unknown/<anybody>/*.jpg
    table     split.csv (filename, person, role: enrol, probe or unknown), and the files that it names

Of each known person half of the pictures, the first ones by name, enrol and the others probe, unless a table says so.
Pictures that are nearly the same never do both: the later one is left out.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pipit.data.check import Advance, DataReport
from pipit.data.duplicates import Hash, alike, perceptual_hash
from pipit.errors import InputTooLarge, InvalidInput, NotFound
from pipit.inputs.suffixes import PICTURES
from pipit.training.by_input.pictures.listing import read_pixels
from pipit.training.source_set import Listing

from home_security.faces.synthetic import KNOWN, STRANGERS

TABLE = "split.csv"
ENROL, PROBE, UNKNOWN = "enrol", "probe", "unknown"
ROLES = (ENROL, PROBE, UNKNOWN)
RECOMMENDED = 5
"""Pictures of a person who is to be known, at least."""
MOST_ENROLLED = 10
TWINS = 3
"""Bits of 63 in which hashes of one picture differ, saved anew. Faces in the middle of pictures are alike in more."""
CROWD = "crowd/"
"""What names of people begin with of whom nothing is known."""


@dataclass(frozen=True, slots=True)
class FacePicture:
    """One file. name: the same on every machine. person: the same for all pictures of one. role: of `ROLES`."""

    path: Path
    name: str
    person: str
    role: str


def layout_of(folder: Path) -> str:
    """`table` or `people`. Raises NotFound for no folder, InvalidInput for one in no layout."""
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the pictures")
    if (folder / TABLE).is_file():
        return "table"
    if (folder / KNOWN).is_dir():
        return "people"
    raise InvalidInput(
        f"{folder} holds neither {KNOWN}/ nor {TABLE}; put pictures at {KNOWN}/<person>/*.jpg, and those of "
        f"others at {STRANGERS}/<anybody>/*.jpg"
    )


def list_faces(folder: Path) -> Listing[FacePicture]:
    """Lists a folder in either layout; reads no picture. Raises NotFound, InvalidInput."""
    return _list_table(folder) if layout_of(folder) == "table" else _list_people(folder)


def list_crowd(folder: Path, most: int, seed: int) -> Listing[FacePicture]:
    """So many pictures, drawn by the seed from the folder and all below it; each is of a stranger of its own."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES and path.is_file())
    chosen = sorted(np.random.default_rng(seed).permutation(len(paths))[:most].tolist())
    names = {place: CROWD + paths[place].relative_to(folder).as_posix() for place in chosen}
    pictures = tuple(FacePicture(paths[place], name, name, UNKNOWN) for place, name in names.items())
    return Listing(pictures, {picture.name: picture.path for picture in pictures})


def without_twins(
    pictures: Sequence[FacePicture], hashes: Sequence[Hash]
) -> tuple[list[FacePicture], list[tuple[FacePicture, FacePicture]]]:
    """Leaves out pictures of one person that are nearly the same as an earlier one.

    hashes: of `pictures`, in their order. Gives what stays, and each pair that is alike, of whomever.
    """
    pairs = [(one, other) for one, other in alike(hashes) if np.count_nonzero(hashes[one] != hashes[other]) <= TWINS]
    twins = {second for first, second in pairs if pictures[first].person == pictures[second].person}
    stays = [picture for index, picture in enumerate(pictures) if index not in twins]
    return stays, [(pictures[first], pictures[second]) for first, second in pairs]


def check_folder(folder: Path, advance: Advance) -> DataReport:
    """`pipit data check`: opens every picture. Raises NotFound, InvalidInput. Faces are searched by the training."""
    listing = list_faces(folder)
    if not listing.items and not listing.problems:
        raise NotFound(f"{folder} holds no pictures; put them at {KNOWN}/<person>/*.jpg")
    usable, hashes, problems = read_hashes(listing.items, advance)
    _, pairs = without_twins(usable, hashes)
    people = {picture.person for picture in usable if picture.role != UNKNOWN}
    roles = Counter(KNOWN if picture.role != UNKNOWN else UNKNOWN for picture in usable)
    return DataReport(
        folder=folder,
        layout=layout_of(folder),
        classes=dict(sorted(roles.items())),
        recordings=len({picture.person for picture in usable}),
        seconds=0.0,
        problems=(*listing.problems, *problems),
        notes=tuple(_notes(usable, sorted(people), pairs)),
    )


def read_hashes(pictures: Sequence[FacePicture], advance: Advance) -> tuple[list[FacePicture], list[Hash], list[str]]:
    """Opens every picture: those that can be read, their hashes, and a line for each other."""
    usable: list[FacePicture] = []
    hashes: list[Hash] = []
    problems = []
    for number, picture in enumerate(pictures, 1):
        try:
            hashes.append(perceptual_hash(read_pixels(picture.path)))
            usable.append(picture)
        except (InvalidInput, InputTooLarge, OSError) as error:
            problems.append(f"{picture.path}: {error}")
        advance(number, len(pictures))
    return usable, hashes, problems


def _notes(
    pictures: Sequence[FacePicture], people: Sequence[str], pairs: Sequence[tuple[FacePicture, FacePicture]]
) -> list[str]:
    counts = Counter(picture.person for picture in pictures)
    few = [person for person in people if counts[person] < RECOMMENDED]
    notes = [f"{person}: only {counts[person]} pictures; {RECOMMENDED} to {MOST_ENROLLED} are needed" for person in few]
    strangers = len({picture.person for picture in pictures if picture.role == UNKNOWN})
    notes.append(f"{len(people)} people to be known, {strangers} strangers")
    for one, other in pairs:
        what = "the second is left out" if one.person == other.person else "of two people: is one of them misplaced?"
        notes.append(f"nearly the same, {what}: {one.name} and {other.name}")
    return notes


def _list_people(folder: Path) -> Listing[FacePicture]:
    pictures: list[FacePicture] = []
    problems: list[str] = []
    for kind in (KNOWN, STRANGERS):
        by_person: dict[str, list[FacePicture]] = {}
        for path in sorted((folder / kind).glob("*/*")):
            if path.name.startswith(".") or path.parent.name.startswith("."):
                continue
            problem = _no_picture(path)
            if problem:
                problems.append(problem)
                continue
            name = path.relative_to(folder).as_posix()
            person = f"{kind}/{path.parent.name}"
            by_person.setdefault(person, []).append(FacePicture(path, name, person, UNKNOWN))
        loose = [path for path in sorted((folder / kind).glob("*")) if path.is_file() and path.name[0] != "."]
        problems += [f"{path}: lies in no person's folder; move it to {kind}/<person>/" for path in loose]
        for several in by_person.values():
            pictures += _with_roles(several) if kind == KNOWN else several
    return Listing(tuple(pictures), {picture.name: picture.path for picture in pictures}, tuple(problems))


def _with_roles(pictures: list[FacePicture]) -> list[FacePicture]:
    """The first half enrols, of an odd number one more, but never over what is recommended."""
    enrolled = min(MOST_ENROLLED, (len(pictures) + 1) // 2)
    return [replace(picture, role=ENROL if number < enrolled else PROBE) for number, picture in enumerate(pictures)]


def _list_table(folder: Path) -> Listing[FacePicture]:
    table = folder / TABLE
    pictures: list[FacePicture] = []
    problems: list[str] = []
    try:
        with table.open(newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines)
            if not {"filename", "person", "role"} <= set(reader.fieldnames or ()):
                raise InvalidInput(f"{table} needs the columns filename, person and role")
            for number, row in enumerate(reader, 2):
                made = _from_row(folder, row, f"{table}, line {number}")
                if isinstance(made, str):
                    problems.append(made)
                else:
                    pictures.append(made)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{table} can't be read as a table: {error}") from error
    names = Counter(picture.name for picture in pictures)
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        raise InvalidInput(f"{table} names {len(twice)} files twice, for example {twice[0]}; name each once")
    mixed = {p.person for p in pictures if p.role == UNKNOWN} & {p.person for p in pictures if p.role != UNKNOWN}
    if mixed:
        raise InvalidInput(f"{table}: {len(mixed)} people are both known and unknown; a person is one of them")
    return Listing(tuple(pictures), {TABLE: table, **{p.name: p.path for p in pictures}}, tuple(problems))


def _from_row(folder: Path, row: dict[str, str], where: str) -> FacePicture | str:
    name, person, role = (row.get(key) or "" for key in ("filename", "person", "role"))
    if role not in ROLES or not person:
        return f"{where}: needs a person, and a role of {', '.join(ROLES)}, not {person[:40]!r} and {role[:40]!r}"
    path = folder / name
    if not name or Path(name).is_absolute() or ".." in Path(name).parts:
        return f"{where}: {name[:100]!r} lies outside of the folder; name a file in it"
    if not path.is_file():
        return f"{where}: there is no file {name}"
    return _no_picture(path) or FacePicture(path, name, person, role)


def _no_picture(path: Path) -> str:
    if path.suffix.lower() in PICTURES and path.is_file():
        return ""
    return f"{path}: {path.suffix or 'no ending'} is no picture; use {', '.join(sorted(PICTURES))}"
