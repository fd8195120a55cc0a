"""Recordings to lists of breaks: what `pipit ads skip` and `pipit ads scores` do."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pipit.blocks.offline import Block
from pipit.data.frames.sources import RecordedFile, open_file
from pipit.data.seen_and_heard import SeenAndHeard
from pipit.data.spans import Span
from pipit.data.spans.chapters import Chapter, chapters_text
from pipit.data.spans.cuts import comskip_text, edl_text
from pipit.errors import InvalidInput
from pipit.files import write_atomically
from pipit.inputs import TensorInput

from ad_detection.blocks.asking import Answering, Asked
from ad_detection.blocks.composing import RATE, Composer, Row, compose
from ad_detection.blocks.ensemble import Ensemble, Member
from ad_detection.blocks.pipeline import AD, SCORES, said_breaks

FPS = 1.0
Advance = Callable[[float], None]
"""Called with the seconds that were read."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """seconds: length, as far as it was read. pictures, rate: of the file. faults: packets that could not be read.

    silent: where members that hear have nothing.
    """

    recording: str
    breaks: tuple[Block, ...]
    seconds: float
    pictures: int
    rate: float
    silent: tuple[Block, ...]
    faults: int
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Of JSON's types."""

        def plain(blocks: Sequence[Block]) -> list[dict[str, float]]:
            return [{"start": round(start, 3), "end": round(end, 3)} for start, end in blocks]

        return {
            "recording": self.recording,
            "seconds": round(self.seconds, 3),
            "breaks": plain(self.breaks),
            "without_sound": plain(self.silent),
            "faults": self.faults,
            "notes": list(self.notes),
        }


def read_rows(
    file: RecordedFile,
    members: Sequence[Member],
    opened: Callable[[Member], Asked],
    advance: Advance = lambda _: None,
    say: Say = lambda _: None,
) -> tuple[list[Row], SeenAndHeard]:
    """The members' scores of a recording, and what was read. Raises InvalidInput for one without anything to read."""
    with open_file(file.path, file.path.name) as container:
        source = SeenAndHeard(container, file.path.name, FPS, RATE)
        if not source.hears and any(member.hears for member in members):
            say(f"{file.recording} has no sound; members that hear it say nothing")
        if not source.sees and not all(member.hears for member in members):
            say(f"{file.recording} has no pictures; members that look at them say nothing")
        read = 0.0

        def counted() -> Any:
            nonlocal read
            for came in source:
                if came.seconds > read:
                    advance(came.seconds - read)
                    read = came.seconds
                yield came

        rows = list(compose(Composer(members, opened, say=say), counted()))
    if not rows:
        raise InvalidInput(f"{file.path.name} holds nothing that can be read; give a whole recording")
    return rows, source


def skip(
    file: RecordedFile, answering: Answering, advance: Advance = lambda _: None, say: Say = lambda _: None
) -> Found:
    """When breaks run. Raises InvalidInput, and what asking raises."""
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        say(text)

    rows, source = read_rows(file, answering.ensemble.members, answering.open_member, advance, note)
    if source.faults:
        note(f"{source.faults} damaged parts of {file.recording} were passed over")
    end = source.end
    silent = silent_spans(answering.ensemble, rows)
    predictions = answering.whole(table_of(rows))
    breaks = [(start, min(stop, end)) for start, stop in said_breaks(predictions)]
    return Found(
        file.recording, tuple(breaks), end, source.pictures, source.rate, tuple(silent), source.faults, tuple(notes)
    )


def table_of(rows: Sequence[Row]) -> TensorInput:
    """As `Classify` of blocks takes a recording."""
    return TensorInput(SCORES, np.array([(row.seconds, *row.scores) for row in rows], np.float32))


def silent_spans(ensemble: Ensemble, rows: Sequence[Row]) -> list[Block]:
    """Where members that hear have no score."""
    whole = ensemble.is_whole(ensemble.rows(np.array([row.scores for row in rows], np.float32)))
    found: list[Block] = []
    for row, is_whole in zip(rows, whole.tolist(), strict=True):
        if is_whole:
            continue
        if found and found[-1][1] == row.seconds:
            found[-1] = (found[-1][0], row.seconds + 1.0)
        else:
            found.append((row.seconds, row.seconds + 1.0))
    return found


def chapters_of(found: Found) -> list[Chapter]:
    """Programme and breaks in turn, from the recording's start to its end."""
    chapters: list[Chapter] = []
    last, part = 0.0, 1
    for start, stop in found.breaks:
        if start > last:
            chapters.append(Chapter(last, start, f"Programme {part}"))
            part += 1
        chapters.append(Chapter(start, stop, "Advertisements"))
        last = stop
    if found.seconds > last:
        chapters.append(Chapter(last, found.seconds, f"Programme {part}"))
    return chapters


def text_of(kind: str, found: Found, edl_kind: int) -> str:
    """kind: edl, chapters, comskip or json."""
    spans = [Span(found.recording, start, stop, AD) for start, stop in found.breaks]
    if kind == "edl":
        return edl_text(spans, edl_kind)
    if kind == "comskip":
        return comskip_text(spans, found.pictures or round(found.seconds * found.rate), found.rate)
    if kind == "chapters":
        return chapters_text(chapters_of(found))
    return json.dumps(found.to_json(), indent=1, ensure_ascii=False) + "\n"


def write_list(path: Path, text: str) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.encode())
