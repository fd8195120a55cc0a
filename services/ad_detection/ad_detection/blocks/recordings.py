"""Tables of members' scores of recordings, as `pipit ads scores` leaves them, and what ran when.

    members.json             the members, in the order of columns, with the digest of their manifest
    <recording>.csv          seconds and a column for each member, a line a moment, empty where it has no answer
    labels.csv               recording,start,end,label; or an .edl or Comskip's .txt for each recording

A recording's name is its file's, with the folders below the data set. The first of these folders is its channel.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pipit.blocks.offline import Block
from pipit.data.frames.naming import recording_of_file
from pipit.data.spans import Spans
from pipit.data.spans.read import read_spans
from pipit.data.spans.table import read_table
from pipit.data.tables import rows_of
from pipit.errors import InvalidInput, NotFound
from pipit.files import write_atomically
from pipit.training.source_set import Listing

from ad_detection.blocks.ensemble import Member, members_of
from ad_detection.labelled_frames import TABLE
from ad_detection.measure import AD, CONTENT

MEMBERS = "members.json"
SECONDS = "seconds"
PART = re.compile(r"[_\-. ]\d{1,4}$")


@dataclass(frozen=True, slots=True)
class Scored:
    """One recording. name: the same on every machine. group: its programme. channel: "" where there are no folders.

    spans: what ran when; `otherwise` between them, None where that is not known.
    """

    path: Path
    name: str
    group: str
    channel: str
    recording: str
    members: tuple[Member, ...]
    spans: Spans
    otherwise: str | None

    @property
    def label(self) -> str:
        """Recordings are not split by label: each has breaks."""
        return "recording"


@dataclass(frozen=True, slots=True)
class Series:
    """seconds: (moments,), growing. scores: (moments, members), NaN for none."""

    seconds: NDArray[np.float64]
    scores: NDArray[np.float32]


def read_scored(folder: Path) -> Listing[Scored]:
    """Lists a folder. Raises NotFound, InvalidInput."""
    members = read_members(folder)
    table = folder / TABLE
    spans = read_table(table) if table.is_file() else read_spans(folder, AD)
    strange = sorted(set(spans.labels) - {AD, CONTENT})
    if strange:
        raise InvalidInput(f"{folder}: labels {', '.join(strange[:5])} are neither {AD} nor {CONTENT}")
    otherwise = None if CONTENT in spans.labels else CONTENT
    found, problems = [], []
    for path in sorted(folder.rglob("*.csv")):
        if path == table:
            continue
        place = PurePosixPath(path.relative_to(folder).as_posix())
        recording = recording_of_file(place)
        if recording not in spans.recordings:
            problems.append(f"{path}: nobody has said what it shows; add it to {TABLE}, or take it away")
            continue
        channel = place.parts[0] if len(place.parts) > 1 else ""
        group = f"{folder.name}/{PART.sub('', recording) or recording}"
        name = f"{folder.name}/{place}"
        found.append(Scored(path, name, group, channel, recording, members, spans, otherwise))
    files = {one.name: one.path for one in found}
    files[f"{folder.name}/{MEMBERS}"] = folder / MEMBERS
    if table.is_file():
        files[f"{folder.name}/{TABLE}"] = table
    else:
        lists = (path for path in folder.rglob("*") if path.suffix.lower() in {".edl", ".txt"})
        files |= {f"{folder.name}/{path.relative_to(folder).as_posix()}": path for path in sorted(lists)}
    return Listing(tuple(found), files, tuple(problems))


def read_members(folder: Path) -> tuple[Member, ...]:
    """Raises NotFound, InvalidInput."""
    path = folder / MEMBERS
    try:
        return members_of(json.loads(path.read_bytes()))
    except FileNotFoundError as error:
        raise NotFound(
            f"{folder} holds no {MEMBERS}: tables of scores are made by pipit ads scores RECORDINGS --output FOLDER"
        ) from error
    except ValueError as error:
        raise InvalidInput(f"{path} can't be read: {error}") from error


def write_members(folder: Path, members: Sequence[Member]) -> None:
    """The inverse of `read_members`."""
    content = json.dumps([asdict(member) for member in members], indent=1, allow_nan=False)
    write_atomically(folder / MEMBERS, f"{content}\n".encode())


def read_series(path: Path, names: Sequence[str]) -> Series:
    """Raises InvalidInput that names the line."""
    seconds: list[float] = []
    scores: list[list[float]] = []
    for line, row in rows_of(path, (SECONDS,)):
        try:
            moment = [float(row.get(name, "nan")) for name in (SECONDS, *names)]
        except ValueError as error:
            raise InvalidInput(f"{path.name}, line {line}: {error}") from error
        if not np.isfinite(moment[0]) or (seconds and moment[0] <= seconds[-1]):
            raise InvalidInput(f"{path.name}, line {line}: seconds have to grow")
        if any(value < 0.0 or value > 1.0 for value in moment[1:]):
            raise InvalidInput(f"{path.name}, line {line}: scores are shares from 0 to 1, or empty")
        seconds.append(moment[0])
        scores.append(moment[1:])
    if not seconds:
        raise InvalidInput(f"{path.name} holds no moment")
    return Series(np.array(seconds), np.array(scores, np.float32).reshape(len(seconds), len(names)))


def prepare_folder(folder: Path, members: Sequence[Member]) -> None:
    """For tables of these members. Raises InvalidInput for a folder that holds other members' scores."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / MEMBERS).exists():
        there = read_members(folder)
        if there != tuple(members):
            raise InvalidInput(
                f"{folder} holds scores of {'; '.join(map(str, there))}; name a new folder for "
                f"{'; '.join(map(str, members))}"
            )
    else:
        write_members(folder, members)


class Row(Protocol):
    """What members say at one moment, NaN for nothing."""

    @property
    def seconds(self) -> float:
        """From the recording's start."""
        ...

    @property
    def scores(self) -> Sequence[float]:
        """One a member."""
        ...


def series_of(rows: Sequence[Row]) -> Series:
    """rows: at least one."""
    seconds = np.array([row.seconds for row in rows], np.float64)
    return Series(seconds, np.array([row.scores for row in rows], np.float32))


def series_text(names: Sequence[str], series: Series) -> str:
    """The inverse of `read_series`, to the millisecond and six digits."""
    lines = [",".join((SECONDS, *names))]
    for second, scores in zip(series.seconds.tolist(), series.scores.tolist(), strict=True):
        lines.append(",".join([f"{second:.3f}", *("" if np.isnan(score) else f"{score:.6g}" for score in scores)]))
    return "\n".join(lines) + "\n"


def truth_of(item: Scored, seconds: NDArray[np.float64]) -> list[str | None]:
    """What ran at each moment; None where nobody knows."""
    return [item.spans.label_at(item.recording, second, item.otherwise) for second in seconds.tolist()]


def breaks_of(item: Scored) -> list[Block]:
    """As they were labelled."""
    return [(span.start, span.end) for span in item.spans.of(item.recording) if span.label == AD]
