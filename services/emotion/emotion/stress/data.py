"""Reads a data set of stress in one of its layouts, cuts it into windows; and `pipit data check emotion.stress`.

    swell       `emotion.stress.swell`: physiology by the minute
    recordings  `emotion.stress.own`: people's own landmark files and what they said of themselves

Both give recordings, step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pipit.bundle.manifest import Manifest
from pipit.data.check import Advance, DataReport
from pipit.data.tables import rows_of
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import Input, TensorInput
from pipit.training.examples import Asked, Example, ExampleSet, Further
from pipit.training.roc import area_under_curve
from pipit.training.sides import SIDES
from pipit.training.source_set import Listing
from pipit.training.splits import split_samples
from pipit.types import TimeSpan

from emotion.stress import own, swell
from emotion.stress.own import read_own
from emotion.stress.past import Prior, prior_of
from emotion.stress.recipe import NO_SCALE, RECORDINGS, SIGNALS_OF, SWELL, StressRecipe
from emotion.stress.recordings import LABELS, STRESSED, Recording
from emotion.stress.swell import read_swell
from emotion.stress.windows import Windows, cut_windows

SWELL_STEP_SECONDS = 60.0
FEW_PARTICIPANTS = 10
"""With fewer, what is measured on those who test says little."""
STRESSED_FROM = 0.5
"""Score that somebody gave from which on a step counts as stressed, where no recipe says otherwise."""
STEP_SECONDS = 1.0
"""Of landmark recordings, where no recipe says otherwise."""


def read_dataset(
    folder: Path, kind: str, step_seconds: float, scale: tuple[float, float] = NO_SCALE
) -> Listing[Recording]:
    """step_seconds: of the network's input. scale: of self-reported scores. Raises InvalidInput, NotFound."""
    if kind not in SIGNALS_OF:
        raise InvalidInput(f"a data set of stress has no kind {kind!r}; it has {', '.join(SIGNALS_OF)}")
    if kind == SWELL:
        if step_seconds != SWELL_STEP_SECONDS:
            raise InvalidInput(f"{folder} has a row a minute; step_seconds must be {SWELL_STEP_SECONDS:g}")
        return read_swell(folder)
    return read_own(folder, step_seconds, scale)


def split_participants(recipe: StressRecipe, recordings: Sequence[Recording]) -> dict[str, list[str]]:
    """Participants of each side, about alike in what they were. Raises InvalidInput."""
    if not recordings:
        raise InvalidInput("the data holds no recording that can be used")
    scores = np.concatenate([recording.score for recording in recordings])
    people = [recording.participant for recording in recordings for _ in recording.score]
    labels = [LABELS[int(score >= recipe.features.stressed_from)] for score in np.nan_to_num(scores)]
    folds = [person.rpartition("/")[2] for person in people]
    sides = split_samples(recipe.split, labels, people, folds, recipe.seed)
    return {side: sorted({people[i] for i in getattr(sides, side)}) for side in SIDES}


def recordings_of(recordings: Sequence[Recording], participants: Sequence[str]) -> list[Recording]:
    """Those of some participants, in their order."""
    return [recording for recording in recordings if recording.participant in participants]


def prior_for(recipe: StressRecipe, recordings: Sequence[Recording]) -> Prior:
    """What is expected of a person. recordings: of training participants alone."""
    comparable = [recipe.signals.check(recording.values) for recording in recordings]
    participants = [recording.participant for recording in recordings]
    return prior_of(comparable, participants, recipe.features.prior_steps)


def windows_for(recipe: StressRecipe, recordings: Sequence[Recording], prior: Prior) -> Windows:
    """As the recipe cuts them."""
    features = recipe.features
    ends = features.past == "recording"
    return cut_windows(recordings, recipe.signals, prior, features.window, features.hop, past_ends=ends)


def check_folder(folder: Path, advance: Advance) -> DataReport:
    """`pipit data check emotion.stress`, in any layout.

    Raises NotFound for no folder or one without a table, InvalidInput for a table without its columns.
    """
    layout = layout_of(folder)
    step = SWELL_STEP_SECONDS if layout == SWELL else STEP_SECONDS
    scale = NO_SCALE if layout == SWELL else _scale(folder / own.FILE)
    listing = read_dataset(folder, layout, step, scale)
    advance(1, 1)
    scores = np.concatenate([r.score for r in listing.items] or [np.empty(0, np.float32)])
    known = scores[np.isfinite(scores)]
    stressed = int((known >= 0.5).sum())
    return DataReport(
        folder=folder,
        layout=layout,
        classes={label: count for label, count in zip(LABELS, (len(known) - stressed, stressed), strict=True) if count},
        recordings=len(listing.items),
        seconds=round(len(scores) * step, 1),
        problems=listing.problems,
        notes=tuple(_notes(listing, layout, scale)),
    )


def read_examples(folder: Path, manifest: Manifest) -> ExampleSet:
    """`pipit evaluate`: every window of which somebody said how it was. Raises NotFound, InvalidInput."""
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the recordings")
    layout, step = layout_of(folder), float(manifest.pipeline.parameters["step_seconds"])
    listing = read_dataset(folder, layout, step, NO_SCALE if layout == SWELL else _scale(folder / own.FILE))
    window, signals = int(manifest.pipeline.parameters["window"]), str(manifest.pipeline.parameters["signals"])

    def example(recording: Recording) -> Example:
        def label_at(span: TimeSpan) -> str | None:
            last = round(span.end / step) - 1
            score = recording.score[last]
            measured = np.isfinite(recording.values[last + 1 - window : last + 1]).any()
            return LABELS[int(score >= STRESSED_FROM)] if measured and np.isfinite(score) else None

        def read() -> Input:
            return TensorInput(signals, recording.values)

        return Example(recording.name, LABELS[0], recording.participant, read, label_at)

    return ExampleSet(tuple(example(one) for one in listing.items), listing.problems, further=(rank_asked,))


def rank_asked(asked: Asked) -> Further:
    """How well scores rank windows, whatever the threshold."""
    area = area_under_curve(asked.truth, asked.scores[:, LABELS.index(STRESSED)], asked.groups, asked.seed)
    return Further({} if area is None else {"auc": area.to_metric()}, "ranking of windows")


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
    for _, row in rows_of(table, own.COLUMNS, []):
        try:
            scores.append(float(row["score"]))
        except ValueError:
            continue  # The reader names the line.
    finite = [score for score in scores if np.isfinite(score)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    return (low, high) if low < high else (min(low, 0.0), max(low, 1.0))


def _notes(listing: Listing[Recording], layout: str, scale: tuple[float, float]) -> list[str]:
    people = {recording.participant for recording in listing.items}
    notes = [f"steps that are counted: {'a minute' if layout == SWELL else f'{STEP_SECONDS:g} s'} each"]
    if layout == RECORDINGS and scale != NO_SCALE:
        notes.append(f"scores go from {scale[0]:g} to {scale[1]:g}; state the ends of your scale in the recipe")
    if len(people) < FEW_PARTICIPANTS:
        notes.append(f"only {len(people)} participants; {FEW_PARTICIPANTS} or more are needed to say anything")
    empty = sorted(r.name for r in listing.items if not np.isfinite(r.values).any())
    if empty:
        notes.append(f"recordings without a single measured value: {', '.join(empty)}")
    return notes
