"""Reads every recording of a folder as a trainer would, and says what is wrong with it: `pipit data check`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pipit.data.check import Advance, DataReport
from pipit.errors import InputTooLarge, InvalidInput, NotFound
from pipit.training.by_input.audio.clips import Clip, layout_of, read_clips
from pipit.training.by_input.audio.features import read_clip
from pipit.training.by_input.audio.settings import SoundSource
from pipit.training.source_set import Listing

FEW_RECORDINGS = 10
"""A class with fewer recordings is hard to split, let alone to learn."""


def check_clips(folder: Path, advance: Advance, classes: Sequence[str], example: str) -> DataReport:
    """Checks a folder in any of the layouts of `pipit.training.by_input.audio.clips`.

    classes: what the task tells apart; whatever else there is, is background. example: one of them, for advice.
    Raises NotFound for no folder or an empty one, InvalidInput for a table without its columns.
    """
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the recordings")
    layout = layout_of(folder)
    listing = read_clips(folder, SoundSource(kind=layout, path=str(folder), licence=""), classes)
    if not listing.items and not listing.problems:
        raise NotFound(f"{folder} holds no recordings; put them into one folder per class, for example {example}/")
    return check_listing(folder, layout, listing, advance, classes)


def check_listing(
    folder: Path, layout: str, listing: Listing[Clip], advance: Advance, classes: Sequence[str]
) -> DataReport:
    """The same for clips that a task lists by itself. layout: its name, for people."""
    counts: Counter[str] = Counter()
    recordings: dict[str, set[str]] = {}
    problems = list(listing.problems)
    seconds = 0.0
    for number, clip in enumerate(listing.items, 1):
        try:
            samples, rate = read_clip(clip.path, clip.start, clip.end)
        except (InvalidInput, InputTooLarge, OSError) as error:
            problems.append(f"{clip.path}: {error}")
        else:
            counts[clip.category] += 1
            recordings.setdefault(clip.category, set()).add(clip.recording)
            seconds += len(samples) / rate
        advance(number, len(listing.items))
    return DataReport(
        folder=folder,
        layout=layout,
        classes=dict(sorted(counts.items())),
        recordings=len(set().union(*recordings.values())),
        seconds=round(seconds, 1),
        problems=tuple(problems),
        notes=_notes(recordings, classes),
    )


def _notes(recordings: dict[str, set[str]], classes: Sequence[str]) -> tuple[str, ...]:
    background = sorted(set(recordings) - set(classes))
    missing = [name for name in classes if name not in recordings]
    notes = [
        f"{name}: only {len(found)} recordings; {FEW_RECORDINGS} or more are needed to split and learn"
        for name, found in sorted(recordings.items())
        if name in classes and len(found) < FEW_RECORDINGS
    ]
    if background:
        notes.append(f"background, which keeps the house quiet: {', '.join(background)}")
    if missing:
        notes.append(f"classes without data here: {', '.join(missing)}")
    return tuple(notes)
