"""Reads people's own recordings: landmark files beside a table of how stressed they said they were.

    own_stress/landmarks.npz    any number of .npz files, made by `pipit data landmarks`
    own_stress/scores.csv       participant,recording,start_seconds,end_seconds,score

`recording` is a video as the landmark file names it, or a folder of pictures, which are then steps in the order of
their names. A score holds for the steps that lie in its interval, on the scale that the recipe states. A step is
`step_seconds` of a video: the last picture of it, and its largest face. Steps without a score can't be learnt from, but
belong to the person's past. One participant may have several recordings; their order is that of the table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from pipit.data.tables import rows_of
from pipit.errors import InvalidInput, NotFound
from pipit.landmarks import FEATURES
from pipit.landmarks.files import LandmarkTable, read_landmarks
from pipit.training.source_set import Listing

from emotion.stress.recordings import Recording
from emotion.stress.signals import Values

FILE = "scores.csv"
COLUMNS = ("participant", "recording", "start_seconds", "end_seconds", "score")
LONGEST_STEPS = 1_000_000


@dataclass(frozen=True)
class _Interval:
    participant: str
    start: float
    end: float
    score: float


def read_own(folder: Path, step_seconds: float, scale: tuple[float, float]) -> Listing[Recording]:
    """scale: the scores that mean calm and stressed. Raises NotFound, InvalidInput."""
    table = folder / FILE
    intervals: dict[str, list[_Interval]] = {}
    problems: list[str] = []
    for line, row in rows_of(table, COLUMNS, problems):
        try:
            interval = _interval(row, scale)
            known = intervals.setdefault(row["recording"], [])
            _check_beside(interval, known)
        except InvalidInput as error:
            problems.append(f"{table}, line {line}: {error}")
        else:
            known.append(interval)
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise NotFound(f"{folder} holds no landmark file; make one by: pipit data landmarks")
    found: dict[str, Values] = {}
    for path in paths:
        try:
            found |= _recordings_of(read_landmarks(path), step_seconds)
        except InvalidInput as error:
            problems.append(str(error))
    recordings = []
    for name, spoken in intervals.items():
        if name not in found:
            problems.append(f"{table}: recording {name!r} is in no landmark file of {folder}")
        elif spoken:
            recordings.append(_recording(folder.name, name, found[name], spoken, step_seconds))
    problems += [f"{folder}: nobody scored {name!r}; add it to {FILE}" for name in sorted(set(found) - set(intervals))]
    files = {f"{folder.name}/{path.name}": path for path in (table, *paths)}
    return Listing(tuple(recordings), files, tuple(problems))


def _interval(row: dict[str, str], scale: tuple[float, float]) -> _Interval:
    numbers = {}
    for column in COLUMNS[2:]:
        try:
            numbers[column] = float(row[column])
        except ValueError:
            raise InvalidInput(f"{column} is {row[column]!r}, not a number") from None
    start, end, score = numbers.values()
    if not (0.0 <= start < end and math.isfinite(end)):
        raise InvalidInput(f"an interval from {start:g} to {end:g} s; it begins at 0 or later and ends after that")
    low, high = scale
    if not min(low, high) <= score <= max(low, high):
        raise InvalidInput(f"score {score:g} lies outside of {low:g} to {high:g}; state the scale in the recipe")
    return _Interval(row["participant"], start, end, (score - low) / (high - low))


def _check_beside(interval: _Interval, known: list[_Interval]) -> None:
    for other in known:
        if other.participant != interval.participant:
            raise InvalidInput(f"the recording belongs to {other.participant!r} already; a recording is one person's")
        if interval.start < other.end and other.start < interval.end:
            raise InvalidInput(f"the interval overlaps that from {other.start:g} to {other.end:g} s")


def _recordings_of(table: LandmarkTable, step_seconds: float) -> dict[str, Values]:
    """Steps of each video, and of each folder of pictures."""
    found: dict[str, Values] = {}
    folders: dict[str, list[tuple[str, NDArray[np.float32] | None]]] = {}
    for index, name in enumerate(table.sources.file.tolist()):
        rows = np.flatnonzero((table.source == index) & (table.face == 0))
        if table.sources.problem[index]:
            continue
        if not np.isnan(table.seconds[rows]).any() and (len(rows) or table.sources.pictures[index] > 1):
            found[name] = _steps(table.seconds[rows], table.features[rows], step_seconds, name)
        else:
            parent = PurePosixPath(name).parent.as_posix()
            folders.setdefault(parent, []).append((name, table.features[rows[0]] if len(rows) else None))
    for parent, pictures in folders.items():
        ordered = [features for _, features in sorted(pictures, key=lambda entry: entry[0])]
        found[parent] = np.stack([np.full(FEATURES, np.nan, np.float32) if f is None else f for f in ordered])
    return found


def _steps(seconds: NDArray[np.float64], features: Values, step_seconds: float, name: str) -> Values:
    """The last face of each step; NaN for a step without one."""
    if not len(seconds):
        return np.empty((0, FEATURES), np.float32)
    number = np.floor(seconds / step_seconds).astype(np.int64)
    if number.min() < 0 or number.max() >= LONGEST_STEPS:
        raise InvalidInput(f"{name}: times from {seconds.min():g} to {seconds.max():g} s can't be cut into steps")
    values = np.full((int(number.max()) + 1, FEATURES), np.nan, np.float32)
    order = np.argsort(seconds, kind="stable")
    values[number[order]] = features[order]
    return values


def _recording(folder: str, name: str, values: Values, spoken: list[_Interval], step_seconds: float) -> Recording:
    middles = (np.arange(len(values)) + 0.5) * step_seconds
    score = np.full(len(values), np.nan, np.float32)
    for interval in spoken:
        score[(middles >= interval.start) & (middles < interval.end)] = interval.score
    return Recording(f"{folder}/{name}", f"{folder}/{spoken[0].participant}", values, score)
