"""Reads every table of a folder as a trainer would, and says what is wrong with it: `pipit data check`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipit.data.check import Advance, DataReport
from pipit.errors import InvalidInput, NotFound
from pipit.training.by_input.series.recordings import read_recordings, read_values

FEW_RECORDINGS = 10
"""A class with fewer recordings is hard to split, let alone to learn."""


def check_recordings(folder: Path, advance: Advance, signals: tuple[str, ...]) -> DataReport:
    """Checks a folder; see `pipit.training.by_input.series.recordings`.

    Raises NotFound for no folder or an empty one.
    """
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the tables")
    listing = read_recordings(folder)
    if not listing.items and not listing.problems:
        raise NotFound(f"{folder} holds no tables; put them into one folder per class, <class>/<recording>.csv")
    groups: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    problems = list(listing.problems)
    for number, item in enumerate(listing.items, 1):
        try:
            read_values(item.path, signals)
        except (InvalidInput, OSError) as error:
            problems.append(f"{item.path}: {error}")
        else:
            counts[item.label] += 1
            groups.setdefault(item.label, set()).add(item.group)
        advance(number, len(listing.items))
    return DataReport(
        folder=folder,
        layout="folders",
        classes=dict(sorted(counts.items())),
        recordings=len(set().union(*groups.values())),
        seconds=0.0,
        problems=tuple(problems),
        notes=tuple(
            f"{label}: only {len(found)} recordings; {FEW_RECORDINGS} or more are needed to split and learn"
            for label, found in sorted(groups.items())
            if len(found) < FEW_RECORDINGS
        ),
    )
