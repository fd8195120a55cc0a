"""Data that a program makes, for machines without any: to try the way, not to judge a network by.

A domain that can synthesise a small data set says so in its `pyproject.toml`, and has a recipe `synthetic` for it:

    [project.entry-points."pipit.synthetic"]
    "my_domain.my_task" = "my_domain.my_task.synthetic:write_synthetic_set"

The function takes the folder to fill. One that takes long has a parameter `advance` too, and calls it with how much is
done and how much there is to do; one that can make more or less has a parameter `changes`, values by their names. What
several tasks of a domain are made from may have a name there, too, although it is no task.

A folder of such data holds a file SYNTHETIC.txt, and a single file has one beside it. What is made of marked files is
marked too, down to the bundle, whose lineage says it; the registry keeps such a bundle out of production.
"""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pipit.errors import AlreadyExists, InvalidInput, NotFound
from pipit.files import write_atomically

SYNTHETIC_RECIPE = "synthetic"
MARK = "SYNTHETIC.txt"
"""In a folder, or after the name of a file: `faces.npz.SYNTHETIC.txt`."""
_FROM = "from: "
Advance = Callable[[int, int], None]
"""Called with what is done, and all there is to do."""


def synthesise(
    task: str, data: Path, advance: Advance = lambda done, total: None, changes: Mapping[str, Any] | None = None
) -> Path:
    """Writes the domain's synthetic set below `data`, whole or not at all; one that is there already is kept.

    changes: of how much is made. Gives its folder, `synthetic_` and the task's name: `synthetic_sounds`. Raises
    NotFound if the task's domain can't, InvalidInput for changes that its set does not know, and AlreadyExists for
    changes where a set is there.
    """
    folder = data / f"synthetic_{task.rpartition('.')[2]}"
    points = entry_points(group="pipit.synthetic", name=task)
    if not points:
        raise NotFound(
            f"{task} can't synthesise data; fetch real data (pipit data fetch --help says which) and set PIPIT_DATA"
        )
    if folder.is_dir():
        if changes:
            raise AlreadyExists(f"{folder} is there already, of whatever size; move it away, or name another folder")
        return folder
    writers = [(write, inspect.signature(write).parameters) for write in (point.load() for point in points)]
    if changes and not all("changes" in parameters for _, parameters in writers):
        raise InvalidInput(f"what {task} synthesises has one size; leave {', '.join(changes)} away")
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for write, parameters in writers:
        given = {"advance": advance, "changes": changes or {}}
        write(partial, **{name: value for name, value in given.items() if name in parameters})
    if not (partial / MARK).is_file():
        mark_synthetic(partial, (folder.name,))
    return partial.rename(folder)


def mark_synthetic(place: Path, names: Iterable[str]) -> None:
    """Marks a folder, or a file, as made of synthetic data of those names."""
    path = place / MARK if place.is_dir() else place.with_name(f"{place.name}.{MARK}")
    lines = ["A program made this, or what it was made of. What is measured on it says nothing about the real world."]
    write_atomically(path, "\n".join([*lines, *(_FROM + name for name in sorted(names))]).encode() + b"\n")


def synthetic_among(files: Iterable[Path]) -> tuple[str, ...]:
    """What a program made of these files, or of what they were made of: names of marked folders and files, sorted.

    A mark holds for all that lies at any depth below it, by the path as given and where links lead.
    """
    known: dict[Path, tuple[str, ...]] = {}
    found: set[str] = set()
    for file in files:
        for path in {file.absolute(), file.resolve()}:
            found.update(_named(path.with_name(f"{path.name}.{MARK}"), path.name))
            found.update(_of_folder(path if path.is_dir() else path.parent, known))
    return tuple(sorted(found))


def _of_folder(folder: Path, known: dict[Path, tuple[str, ...]]) -> tuple[str, ...]:
    if folder not in known:
        own = _named(folder / MARK, folder.resolve().name)
        above = _of_folder(folder.parent, known) if folder.parent != folder and not own else ()
        known[folder] = own or above
    return known[folder]


def _named(mark: Path, name: str) -> tuple[str, ...]:
    """The names that a mark gives, else the name of what it marks; none where there is no mark."""
    try:
        text = mark.read_text("utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return tuple(line.removeprefix(_FROM) for line in text.splitlines() if line.startswith(_FROM)) or (name,)
