"""Reads labelled series: `<class>/<recording>.csv`, a step a line, a column for each signal, their names in the first.

A recording is one item: its windows overlap, so that they stand on one side of a split. `kitchen_3.csv` and
`kitchen_4.csv` are taken for parts of one recording.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipit.data.tables import rows_of
from pipit.errors import InvalidInput
from pipit.training.source_set import Listing

PART = re.compile(r"[_\-. ]\d{1,4}$")


@dataclass(frozen=True, slots=True)
class Recording:
    """One table. name: the same on every machine. group: tables that share it belong together."""

    path: Path
    name: str
    label: str
    group: str


def read_recordings(folder: Path) -> Listing[Recording]:
    """Lists the tables of `folder`; reads none of them."""
    recordings, problems = [], []
    for path in sorted(folder.glob("*/*")):
        if path.name.startswith(".") or path.parent.name.startswith("."):
            continue
        if path.suffix.lower() != ".csv":
            problems.append(f"{path}: {path.suffix or 'no ending'} is no table; take it out of the folder")
            continue
        label, stem = path.parent.name, path.stem
        group = f"{folder.name}/{label}/{PART.sub('', stem) or stem}"
        recordings.append(Recording(path, f"{folder.name}/{label}/{path.name}", label, group))
    return Listing(tuple(recordings), {each.name: each.path for each in recordings}, tuple(problems))


def read_values(path: Path, signals: tuple[str, ...]) -> NDArray[np.float32]:
    """(steps, signals). Raises InvalidInput that names each bad line, or a missing column."""
    values: list[list[float]] = []
    problems: list[str] = []
    for line, row in rows_of(path, signals, problems):
        try:
            step = [float(row[name]) for name in signals]
        except ValueError as error:
            problems.append(f"line {line}: {error}")
            continue
        if not np.isfinite(step).all():
            problems.append(f"line {line} holds a value that is no finite number")
        values.append(step)
    if problems:
        raise InvalidInput("; ".join(problem.removeprefix(f"{path}, ") for problem in problems))
    return np.array(values, np.float32).reshape(-1, len(signals))
