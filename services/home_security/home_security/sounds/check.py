"""Reads every recording of a folder as the trainer would, and says what is wrong with it: `pipit data check`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipit.data.check import Advance, DataReport
from pipit.errors import InputTooLarge, InvalidInput, NotFound

from home_security.sounds.classes import SECURITY_NAMES
from home_security.sounds.dataset import read_dataset
from home_security.sounds.features import read_clip

FEW_RECORDINGS = 10
"""A class with fewer recordings is hard to split, let alone to learn."""


def check_folder(folder: Path, advance: Advance) -> DataReport:
    """Checks a folder in any of the layouts of `home_security.sounds.dataset`.

    Raises NotFound for no folder or an empty one, InvalidInput for a table without its columns.
    """
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the recordings")
    layout = layout_of(folder)
    listing = read_dataset(folder, layout, {})
    if not listing.clips and not listing.problems:
        raise NotFound(f"{folder} holds no recordings; put them into one folder per class, for example siren/")
    classes: Counter[str] = Counter()
    recordings: dict[str, set[str]] = {}
    problems = list(listing.problems)
    seconds = 0.0
    for number, clip in enumerate(listing.clips, 1):
        try:
            samples, rate = read_clip(clip.path)
        except (InvalidInput, InputTooLarge, OSError) as error:
            problems.append(f"{clip.path}: {error}")
        else:
            classes[clip.category] += 1
            recordings.setdefault(clip.category, set()).add(clip.recording)
            seconds += len(samples) / rate
        advance(number, len(listing.clips))
    return DataReport(
        folder=folder,
        layout=layout,
        classes=dict(sorted(classes.items())),
        recordings=len(set().union(*recordings.values())),
        seconds=round(seconds, 1),
        problems=tuple(problems),
        notes=_notes(recordings),
    )


def layout_of(folder: Path) -> str:
    """Which layout a folder has, by the table that lies in it."""
    if (folder / "meta" / "esc50.csv").is_file():
        return "esc50"
    return "table" if (folder / "labels.csv").is_file() else "folders"


def _notes(recordings: dict[str, set[str]]) -> tuple[str, ...]:
    background = sorted(set(recordings) - set(SECURITY_NAMES))
    missing = [name for name in SECURITY_NAMES if name not in recordings]
    notes = [
        f"{name}: only {len(recordings[name])} recordings; {FEW_RECORDINGS} or more are needed to split and learn"
        for name in sorted(recordings)
        if name in SECURITY_NAMES and len(recordings[name]) < FEW_RECORDINGS
    ]
    if background:
        notes.append(f"background, which keeps the house quiet: {', '.join(background)}")
    if missing:
        notes.append(f"security classes without data here: {', '.join(missing)}")
    return tuple(notes)
