"""Clips for the demo's last act: ones that training never saw, with what they are."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipit.cli.demo.synthetic import write_synthetic
from pipit.errors import NotFound

_SUFFIXES = (".wav", ".ogg", ".flac", ".mp3")


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording and its true class, by the data set's name for it."""

    path: Path
    category: str


def unseen_esc50(folder: Path, test_folds: Sequence[str], alarms: Sequence[str], per_alarm: int) -> list[Clip]:
    """`per_alarm` clips of each alarm class, and as many of each of three background classes, from the test folds.

    Which ones is decided by the order of their names, not by how they are answered. A few recordings of ESC-50 lie in
    two folds; they are left out. Raises NotFound if the test folds hold none of the alarm classes.
    """
    with (folder / "meta" / "esc50.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    seen = {row["src_file"] for row in rows if row["fold"] not in test_folds}
    by_category: dict[str, list[Path]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["filename"]):
        path = _existing(folder / "audio" / row["filename"])
        if row["fold"] in test_folds and row["src_file"] not in seen and path is not None:
            by_category[row["category"]].append(path)
    wanted = [category for category in alarms if category in by_category]
    if not wanted:
        raise NotFound(f"{folder} has no clips of {', '.join(alarms)} in the folds {', '.join(test_folds)}")
    background = [category for category in sorted(by_category) if category not in alarms][:3]
    return [Clip(path, name) for name in (*wanted, *background) for path in by_category[name][:per_alarm]]


def unseen_synthetic(folder: Path, first_seed: int, each: int) -> list[Clip]:
    """Freshly synthesised recordings, by seeds that training does not use."""
    return [Clip(path, label) for path, label in write_synthetic(folder, each, first_seed).items()]


def _existing(path: Path) -> Path | None:
    """The clip, in whatever format it was kept."""
    return next((path.with_suffix(suffix) for suffix in _SUFFIXES if path.with_suffix(suffix).is_file()), None)
