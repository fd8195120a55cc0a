"""A folder for each class, as trainers, people and file managers understand it.

    <class>/<file>                      recordings.csv: file,recording
    train/<class>/<file> test/<class>/<file>     where some items are held out: those test

What can't stand in a name of a folder is written as in an address: `%2F` is a slash.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from pipit.files import write_atomically
from pipit.labels.formats.contents import GROUPS, below, groups_in, is_content, write_contents
from pipit.labels.formats.types import Found, Labelled, ReadContent
from pipit.labels.types import Kind, LabelSet, SetItem

SIDES = ("train", "val", "valid", "validation", "test")


def write(frozen: LabelSet, read_content: ReadContent, folder: Path) -> list[str]:
    """See `Format`. Items without a label of the whole are left out: no folder can say it."""
    split = any(item.held_out for item in frozen.items) or any(label in SIDES for label in frozen.labels)
    return write_classes(frozen.items, read_content, folder, split=split)


def write_classes(items: Sequence[SetItem], read_content: ReadContent, folder: Path, *, split: bool) -> list[str]:
    """The same; split: below a folder for each side."""
    problems = [f"{item.example} has no label of the whole" for item in items if not item.label]

    def place(item: SetItem) -> str:
        side = ("test/" if item.held_out else "train/") if split else ""
        return side + folder_of(item.label)

    groups = []
    labelled = [item for item in items if item.label]
    for item, name in write_contents(labelled, read_content, folder, problems, place):
        if item.group:
            groups.append((name, item.group))
    write_groups(folder, groups)
    return problems


def read(folder: Path, table: Path | None) -> Found:
    """See `Format`. Files that lie in no folder of a class have no label yet."""
    found = Found()
    groups = groups_in(folder, found.problems)
    top = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith((".", "__"))]
    # A class may be called "test": a side holds folders, a class holds files.
    split = bool(top) and all(path.name in SIDES and not any(map(is_content, path.iterdir())) for path in top)
    for root in top if split else [folder]:
        for path in sorted(root.rglob("*")):
            if not path.is_file() or path.name.startswith(".") or path == folder / GROUPS:
                continue
            name = below(folder, path)
            if not is_content(path):
                found.problems.append(f"{name}: {path.suffix or 'no ending'} is no sound, picture or series")
            elif path.parent == root:
                found.items.append(Labelled(name, path, group=groups.get(name, "")))
            else:
                label = unquote(path.relative_to(root).parts[0])
                found.items.append(Labelled(name, path, Kind.LABEL, label, group=groups.get(name, "")))
    return found


def write_groups(folder: Path, groups: list[tuple[str, str]]) -> None:
    """names: of files below the folder, with their groups; no file for none."""
    if not groups:
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("file", "recording"))
    writer.writerows(groups)
    write_atomically(folder / GROUPS, text.getvalue().encode())


def folder_of(label: str) -> str:
    """A folder's name for any label; `unquote` undoes it."""
    name = "".join(letter if _stands(letter) else quote(letter, safe="") for letter in label)
    # Windows forbids a point or a space at the end, and hides nothing that begins with a point; others do.
    if name[0] == ".":
        name = f"%2E{name[1:]}"
    if name[-1] in ". ":
        name = f"{name[:-1]}%{ord(name[-1]):02X}"
    return f"%{ord(name[0]):02X}{name[1:]}" if name.startswith(("__", " ")) else name


def _stands(letter: str) -> bool:
    return letter.isprintable() and letter not in '%/\\:*?"<>|'
