"""Frames as sequences; for training, `pipit data check` and `pipit evaluate`.

The layout is that of frames with times in `ad_detection.labelled_frames`, a frame a second. A sequence never reaches
across a gap, from one recording into another, or from one side of a split to another; its label is its last frame's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pipit.bundle.manifest import Manifest, Metric
from pipit.data.check import Advance, DataReport
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import EncodedImage, Input, InputSequence
from pipit.training.by_input.pictures.check import check_pictures
from pipit.training.examples import Asked, Example, ExampleSet, Further
from pipit.training.recipe import Split
from pipit.training.source_set import Listing
from pipit.types import TimeSpan

from ad_detection.flicker import flicker
from ad_detection.labelled_frames import SMALLEST, Frame, read_frames
from ad_detection.measure import AD, measure_asked
from ad_detection.temporal.window import Steps, Window

CHUNK = 60
"""Frames of a recording that a bundle is asked about at once, besides those that come before the first."""


@dataclass(frozen=True, slots=True)
class Step:
    """place: of its frame, among those that are in order. places: of its sequence, oldest first.

    since: steps since the frame before; 0 for the first frame, and after a gap.
    """

    place: int
    places: tuple[int, ...]
    since: int


def read_timed_frames(
    folder: Path, source: str = "", rename: Mapping[str, str] | None = None, rule: Split | None = None, seed: int = 1
) -> Listing[Frame]:
    """As `read_frames`. Raises InvalidInput where nobody knows when the frames were taken."""
    listing = read_frames(folder, source, rename, rule, seed)
    frames = tuple(frame for frame in listing.items if isinstance(frame, Frame))
    if len(frames) < len(listing.items):
        raise InvalidInput(
            f"{folder} holds pictures without times, which make no sequences; take the frames by: "
            "pipit data frames --fps 1, and put labels.csv beside them"
        )
    return Listing(frames, listing.files, listing.problems)


def in_order(frames: Sequence[Frame]) -> list[Frame]:
    """By recording and time."""
    return sorted(frames, key=lambda one: (one.recording, one.seconds))


def steps_of(recordings: Sequence[str], seconds: Sequence[float], steps: Steps) -> list[Step]:
    """The sequences of frames that are in order; frames that open no step are in none."""
    found = []
    places = range(len(recordings))
    for _, of_recording in groupby(places, key=lambda place: recordings[place]):
        window: Window[int] = Window(steps)
        for place in of_recording:
            if window.opens(seconds[place]):
                since = window.add(seconds[place], place)
                found.append(Step(place, window.values, since))
    return found


def check_folder(folder: Path, advance: Advance) -> DataReport:
    """`pipit data check ad_detection.temporal`. Raises NotFound, InvalidInput."""
    steps = Steps()
    report = check_pictures(folder, read_frames, SMALLEST, advance)
    frames = in_order(read_timed_frames(folder).items)
    found = steps_of([one.recording for one in frames], [one.seconds for one in frames], steps)
    whole = sum(len(set(one.places)) == steps.frames for one in found)
    notes = [f"{whole} of {len(found)} sequences have {steps.frames} frames of their own, a step apart"]
    if len(found) < len(frames):
        notes.append(f"{len(frames) - len(found)} frames lie within a step of another one and are not looked at")
    if whole < len(found) / 2:
        notes.append(
            "most sequences are made of repeated frames; take a frame a second: pipit data frames --fps 1, and let it "
            "keep frames that look alike"
        )
    return replace(report, notes=(*notes, *report.notes))


def read_examples(folder: Path, manifest: Manifest) -> ExampleSet:
    """`pipit evaluate`: stretches of recordings without a gap, each frame of which is answered once.

    Raises NotFound, InvalidInput.
    """
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the frames")
    parameters = manifest.pipeline.parameters
    steps = Steps(int(parameters["frames"]), float(parameters["step_seconds"]))
    listing = read_timed_frames(folder)
    stretches = [part for run in _runs(in_order(listing.items), steps) for part in _parts(run, steps.frames)]
    examples = tuple(_example(part, steps) for part in stretches)
    begins = {one.name: (part[0].recording, part[0].seconds) for one, part in zip(examples, stretches, strict=True)}
    return ExampleSet(examples, listing.problems, further=(measure_asked, partial(_flicker_asked, begins)))


def flicker_of(
    scores: NDArray[np.floating], truth: NDArray[np.integer], labels: Sequence[str], threshold: float,
    recordings: Sequence[str], seconds: Sequence[float],
) -> dict[str, Metric]:  # fmt: skip
    """See `ad_detection.flicker`. scores: (rows, labels). truth: positions of labels, (rows,)."""
    place = list(labels).index(AD)
    return flicker(scores[:, place] >= threshold, truth == place, np.array(recordings, object), np.array(seconds))


def sequence_of(frames: Sequence[Frame]) -> Input:
    """As a caller would send it."""
    return InputSequence(tuple(EncodedImage(frame.path.read_bytes()) for frame in frames))


def _runs(frames: Sequence[Frame], steps: Steps) -> list[list[Frame]]:
    """Frames a step apart without a gap. A step that lacks one has its neighbour before, as on the device."""
    runs: list[list[Frame]] = []
    for step in steps_of([one.recording for one in frames], [one.seconds for one in frames], steps):
        if not step.since:
            runs.append([])
        else:
            runs[-1] += [runs[-1][-1]] * (step.since - 1)
        runs[-1].append(frames[step.place])
    return runs


def _parts(run: list[Frame], frames: int) -> list[list[Frame]]:
    """Each frame is answered in one part alone: the first few in parts that end with them, others in long ones."""
    before = frames - 1
    first = [run[:length] for length in range(1, min(before, len(run)) + 1)]
    rest = [run[start - before : start + CHUNK] for start in range(before, len(run), CHUNK)]
    return [part for part in (*first, *rest) if len(part) == 1 or part[-1] is not part[-2] or len(part) >= frames]


def _example(part: list[Frame], steps: Steps) -> Example:
    last = part[-1]
    name = f"{last.recording} from {part[0].seconds:g} s, {len(part)} frames"
    return Example(name, last.label, last.programme, partial(sequence_of, part), partial(_label_at, part, steps))


def _label_at(part: list[Frame], steps: Steps, span: TimeSpan) -> str | None:
    """Of the frame at the end of the span; None where it is its neighbour again."""
    place = round(span.end / steps.seconds)
    return None if place and part[place] is part[place - 1] else part[place].label


def _flicker_asked(begins: Mapping[str, tuple[str, float]], asked: Asked) -> Further:
    recordings, seconds = [], []
    for one, prediction in zip(asked.examples, asked.predictions, strict=True):
        recording, first = begins[one.name]
        recordings.append(recording)
        seconds.append(first + (prediction.region.end if isinstance(prediction.region, TimeSpan) else 0.0))
    threshold = asked.decision.thresholds[AD]
    return Further(flicker_of(asked.scores, asked.truth, asked.labels, threshold, recordings, seconds), "flicker")
