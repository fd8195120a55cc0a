"""Sound of television, labelled by time or by clip; for training, `pipit data check` and `pipit evaluate`.

    recordings   <channel>/<programme>… (video with sound, or sound alone), and labels.csv
                 (`recording,start,end,label`), or an .edl or Comskip's .txt for each recording
    clips        labels.csv (`filename,label` and, optional, `session,time`), or {ad,content}/<clip>

A moment has the label of what is shown as it ends, and the sound of the trailing window before it, which never reaches
into another recording. Clips of a session that follow on one another are joined; after a gap the window begins anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from pipit.data.frames.naming import programme_of, recording_of_file
from pipit.data.recorded_sound import sound_of, windows_of
from pipit.data.spans import Spans
from pipit.data.spans.read import read_spans
from pipit.data.spans.table import COLUMNS, read_table
from pipit.data.tables import rows_of
from pipit.errors import InputTooLarge, InvalidInput, NotFound, Unavailable
from pipit.inputs import EncodedAudio, Input, PcmAudio
from pipit.inputs.audio import decode_audio, resample
from pipit.inputs.suffixes import VIDEOS
from pipit.training.by_input.audio.clips import ENDINGS, recording_of
from pipit.training.source_set import Listing

from ad_detection.audio.hearing import RATE, Samples, last_seconds
from ad_detection.audio.recipe import Features, SoundSource
from ad_detection.labelled_frames import TABLE
from ad_detection.measure import AD, CONTENT

LARGEST_GAP = 7.0
"""Seconds from the start of a clip to the start of the next one of which it is still the continuation."""
CLIP_SECONDS = 5.0
"""About what a clip of a session lasts; how many of them fill a window follows from it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What is learnt: sound up to a moment.

    files: clips, oldest first, of which the last has the label; or one recording. end: seconds in that recording, None
    for clips. group: session or programme, whichever channel shows it. channel: "" where it is not known.
    """

    name: str
    label: str
    group: str
    files: tuple[Path, ...]
    end: float | None = None
    channel: str = ""


def kind_of(folder: Path) -> Literal["clips", "recordings"]:
    """Which layout a folder has. Raises NotFound for no folder."""
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the recordings or clips")
    table = folder / TABLE
    if table.is_file():
        header = table.read_text("utf-8-sig", errors="replace").partition("\n")[0].strip().split(",")
        return "clips" if "filename" in header and not set(COLUMNS) <= set(header) else "recordings"
    return "clips" if any((folder / label).is_dir() for label in (AD, CONTENT)) else "recordings"


def read_moments(folder: Path, source: SoundSource, features: Features) -> Listing[Moment]:
    """Lists a folder in either layout; reads no sound. Raises NotFound, InvalidInput."""
    found = _clips(folder, features) if source.kind == "clips" else _recordings(folder, features)
    moments = tuple(
        Moment(m.name, source.rename.get(m.label, m.label), m.group, m.files, m.end, m.channel) for m in found.items
    )
    others = sorted({moment.label for moment in moments} - {AD, CONTENT})
    if others:
        raise InvalidInput(
            f"labels {', '.join(others[:5])} are neither {AD} nor {CONTENT}; the data set's rename says what they are, "
            f"as in rename: {{{others[0]}: {CONTENT}}}"
        )
    return Listing(moments, found.files, found.problems)


def heard(moments: Sequence[Moment], window: int) -> Iterator[tuple[Moment, Samples | str]]:
    """Each moment's sound at RATE, as `last_seconds` gives it, or why there is none; each recording is read once."""
    for files, together in groupby(moments, lambda moment: moment.files if moment.end is not None else ()):
        group = list(together)
        if files:
            yield from _of_recording(files[0], group, window)
        else:
            for moment in group:
                try:
                    yield moment, _enough(last_seconds(_joined(moment.files, window), window))
                except (InvalidInput, InputTooLarge, OSError) as error:
                    yield moment, str(error)


def input_of(moment: Moment, window: int) -> Input:
    """As a caller would send it. Raises InvalidInput."""
    return InOrder([moment], window)(moment)


class InOrder:
    """Moments as a caller would send them. A recording is read once, if its moments are asked for in their order."""

    def __init__(self, moments: Sequence[Moment], window: int) -> None:
        self._places = {moment.name: place for place, moment in enumerate(moments)}
        self._moments = moments
        self._window = window
        self._next = -1
        self._coming: Iterator[tuple[Moment, Samples | str]] = iter(())

    def __call__(self, moment: Moment) -> Input:
        """Raises InvalidInput."""
        place = self._places[moment.name]
        if place != self._next:
            self._coming = heard(self._moments[place:], self._window)
        self._next = place + 1
        _, samples = next(self._coming)
        if isinstance(samples, str):
            raise InvalidInput(samples)
        return PcmAudio(samples[:, np.newaxis], RATE)


def _of_recording(path: Path, moments: Sequence[Moment], window: int) -> Iterator[tuple[Moment, Samples | str]]:
    ends = [moment.end or 0.0 for moment in moments]
    given = 0
    why = "the recording ends before; its labels may be of another one"
    try:
        for place, samples in windows_of(sound_of(path, RATE), RATE, ends, window):
            given = place + 1
            try:
                yield moments[place], _enough(last_seconds(samples, window))
            except InvalidInput as error:
                yield moments[place], str(error)
    except (InvalidInput, Unavailable) as error:
        why = str(error)
    for moment in moments[given:]:
        yield moment, why


def _joined(files: Sequence[Path], window: int) -> Samples:
    """The end of clips put together. Raises InvalidInput, InputTooLarge."""
    parts: list[Samples] = []
    length = 0
    for path in reversed(files):
        samples, rate = decode_audio(EncodedAudio(path.read_bytes()))
        parts.insert(0, resample(samples, rate, RATE))
        length += len(parts[0])
        if length >= window * RATE:
            break
    return np.concatenate(parts)


def _enough(samples: Samples) -> Samples:
    if not len(samples):
        raise InvalidInput("less than a second of sound; take it out")
    return samples


def _recordings(folder: Path, features: Features) -> Listing[Moment]:
    table = folder / TABLE
    spans = read_table(table) if table.is_file() else read_spans(folder, AD)
    # A table that names content says it all, and what lies between its spans is left out.
    otherwise = None if CONTENT in spans.labels else CONTENT
    paths = {
        recording_of_file(PurePosixPath(path.relative_to(folder))): path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in VIDEOS | set(ENDINGS) and path.is_file()
    }
    spans.require(paths)
    moments: list[Moment] = []
    problems = [f"{paths[name]}: nothing says what it shows" for name in sorted(set(paths) - set(spans.recordings))]
    for name in spans.recordings:
        channel, programme = programme_of(name)
        for end, label in _ends(spans, name, otherwise, features.step):
            moment = f"{folder.name}/{name}@{end:g}"
            moments.append(Moment(moment, label, f"{folder.name}/{programme}", (paths[name],), end, channel))
    lists = [table] if table.is_file() else [p for p in folder.rglob("*") if p.suffix.lower() in {".edl", ".txt"}]
    files = {f"{folder.name}/{path.relative_to(folder).as_posix()}": path for path in [*lists, *paths.values()]}
    return Listing(tuple(moments), files, tuple(problems))


def _ends(spans: Spans, name: str, otherwise: str | None, step: float) -> Iterator[tuple[float, str]]:
    """Moments every `step` seconds up to the last label's end, and what is shown as each ends."""
    last = max((span.end for span in spans.of(name)), default=0.0)
    for number in range(1, int(last / step) + 1):
        end = number * step
        label = spans.label_at(name, end - 1e-3, otherwise)
        if label is not None:
            yield end, label


def _clips(folder: Path, features: Features) -> Listing[Moment]:
    table = folder / TABLE
    if not table.is_file():
        paths = [path for path in sorted(folder.glob("*/*")) if path.suffix.lower() in ENDINGS]
        found = [
            Moment(f"{folder.name}/{path.parent.name}/{path.name}", path.parent.name,
                   f"{folder.name}/{path.parent.name}/{recording_of(path)}", (path,))
            for path in paths
        ]  # fmt: skip
        return Listing(tuple(found), {moment.name: moment.files[0] for moment in found})
    rows = [row for _, row in rows_of(table, ("filename", "label"))]
    problems = [f"{table}: {row['filename']!r} is not in {folder}" for row in rows if not _inside(folder, row)]
    rows = sorted((row for row in rows if _inside(folder, row)), key=lambda row: (row.get("session", ""), _time(row)))
    most = max(1, round(features.window / CLIP_SECONDS))
    moments: list[Moment] = []
    before: tuple[str, float, tuple[Path, ...]] = ("", 0.0, ())
    for row in rows:
        path, session, time = folder / row["filename"], row.get("session", ""), _time(row)
        follows = bool(session) and session == before[0] and 0.0 < time - before[1] <= LARGEST_GAP
        files = (*(before[2] if follows else ()), path)[-most:]
        before = (session, time, files)
        group = f"{folder.name}/{session}" if session else f"{folder.name}/{recording_of(path)}"
        moments.append(Moment(f"{folder.name}/{row['filename']}", row["label"], group, files))
    listed = {moment.name: moment.files[-1] for moment in moments}
    return Listing(tuple(moments), {f"{folder.name}/{TABLE}": table, **listed}, tuple(problems))


def _inside(folder: Path, row: Mapping[str, str]) -> bool:
    path = PurePosixPath(row["filename"])
    return not path.is_absolute() and ".." not in path.parts and (folder / path).is_file()


def _time(row: Mapping[str, str]) -> float:
    """Seconds; 0 where none is told. Raises InvalidInput."""
    try:
        return datetime.fromisoformat(row["time"]).timestamp() if "time" in row else 0.0
    except ValueError as error:
        raise InvalidInput(
            f"{row['filename']}: time {row['time']!r} is none; write it as 2020-04-25T14:13:36"
        ) from error
