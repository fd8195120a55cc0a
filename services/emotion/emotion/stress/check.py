"""Reads every recording of a folder as the trainer would, and says what is wrong with it: `pipit data check`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pipit.data.check import Advance, DataReport
from pipit.data.tables import rows_of
from pipit.errors import NotFound

from emotion.stress import own, swell
from emotion.stress.dataset import RECORDINGS, SWELL, SWELL_STEP_SECONDS, read_dataset
from emotion.stress.recordings import LABELS, Listing

FEW_PARTICIPANTS = 10
"""With fewer, what is measured on those who test says little."""
STEP_SECONDS = 1.0
"""Of landmark recordings, where no recipe says otherwise."""


def check_folder(folder: Path, advance: Advance) -> DataReport:
    """Checks a folder in any of the layouts of `emotion.stress.dataset`.

    Raises NotFound for no folder or one without a table, InvalidInput for a table without its columns.
    """
    layout = layout_of(folder)
    step = SWELL_STEP_SECONDS if layout == SWELL else STEP_SECONDS
    scale = (0.0, 1.0) if layout == SWELL else _scale(folder / own.FILE)
    listing = read_dataset(folder, layout, step, scale)
    advance(1, 1)
    scores = np.concatenate([r.score for r in listing.recordings] or [np.empty(0, np.float32)])
    known = scores[np.isfinite(scores)]
    stressed = int((known >= 0.5).sum())
    return DataReport(
        folder=folder,
        layout=layout,
        classes={label: count for label, count in zip(LABELS, (len(known) - stressed, stressed), strict=True) if count},
        recordings=len(listing.recordings),
        seconds=round(len(scores) * step, 1),
        problems=listing.problems,
        notes=tuple(_notes(listing, layout, scale)),
    )


def layout_of(folder: Path) -> str:
    """Which layout a folder has, by the table that lies in it. Raises NotFound."""
    if (folder / swell.FILE).is_file():
        return SWELL
    if (folder / own.FILE).is_file():
        return RECORDINGS
    raise NotFound(f"{folder} holds neither {swell.FILE} nor {own.FILE}; see `emotion.stress.own` for your own data")


def _scale(table: Path) -> tuple[float, float]:
    """From the lowest score to the highest; 0 to 1 where there are no two."""
    scores = []
    for _, row in rows_of(table, own.COLUMNS):
        try:
            scores.append(float(row["score"]))
        except ValueError:
            continue  # The reader names the line.
    finite = [score for score in scores if np.isfinite(score)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    return (low, high) if low < high else (min(low, 0.0), max(low, 1.0))


def _notes(listing: Listing, layout: str, scale: tuple[float, float]) -> list[str]:
    people = {recording.participant for recording in listing.recordings}
    notes = [f"steps that are counted: {'a minute' if layout == SWELL else f'{STEP_SECONDS:g} s'} each"]
    if layout == RECORDINGS and scale != (0.0, 1.0):
        notes.append(f"scores go from {scale[0]:g} to {scale[1]:g}; state the ends of your scale in the recipe")
    if len(people) < FEW_PARTICIPANTS:
        notes.append(f"only {len(people)} participants; {FEW_PARTICIPANTS} or more are needed to say anything")
    empty = sorted(r.name for r in listing.recordings if not np.isfinite(r.values).any())
    if empty:
        notes.append(f"recordings without a single measured value: {', '.join(empty)}")
    return notes
