"""Edit decision lists of CMX 3600, one for each recording, as cutting rooms read them; spans to the frame.

    TITLE: evening
    FCM: NON-DROP FRAME
    * FRAME RATE: 25
    001  AX       V     C        00:00:12:00 00:00:42:00 00:00:12:00 00:00:42:00
    * FROM CLIP NAME: 20261129-….mp4
    * LABEL: advert

A list of what players skip (`pipit.data.spans.cuts`) is read as well: its spans are labelled `break`. Source of the
notation: https://xmil.biz/EDL-X/CMX3600.pdf; notes (`*`) are free text there.
"""

from __future__ import annotations

import re
from pathlib import Path

from pipit.data.spans.cuts import read_edl
from pipit.errors import InvalidInput, NotFound
from pipit.files import write_atomically
from pipit.labels.formats.contents import below, content_of, is_content, number, read_list, span, write_contents
from pipit.labels.formats.types import Found, Labelled, ReadContent
from pipit.labels.types import Kind, LabelledSpan, LabelSet, SetItem

RATE = 25
"""Frames a second that are written, and taken where a list does not say it."""
BREAK = "break"
_EVENT = re.compile(
    r"\d{1,6}\s+\S+\s+\S+\s+(?:C|D|W\d+|K\s?[BO]?)\s+(?:\d+\s+)?(\S+:\S+)\s+(\S+:\S+)\s+\S+:\S+\s+\S+:\S+", re.ASCII
)
_NOTE = re.compile(r"\*\s*([A-Z ]+):\s+(.*)")
_CODE = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)[:.](\d{1,3})", re.ASCII)


def write(frozen: LabelSet, read_content: ReadContent, folder: Path) -> list[str]:
    """See `Format`. Items with a label of the whole or boxes are left out; those with nothing have an empty list."""
    kept = [item for item in frozen.items if item.spans or not (item.label or item.boxes)]
    problems = [f"{item.example} has no spans" for item in frozen.items if item not in kept]
    for item, name in write_contents(kept, read_content, folder, problems):
        write_atomically(folder / f"{item.example}.edl", _text(item, Path(name).name).encode())
    return problems


def read(folder: Path, table: Path | None) -> Found:
    """See `Format`. A list is of the file that it names, or of the one of its own name. Groups are not told."""
    found = Found()
    lists = [table] if table is not None else sorted(folder.rglob("*.edl"))
    if not lists:
        raise NotFound(f"{folder.name} holds no .edl")
    contents = {path.name: path for path in sorted(folder.rglob("*")) if is_content(path)}
    stems = {path.stem: path for path in contents.values()}
    for path in lists:
        try:
            before = len(found.problems)
            clip, spans = _read(path, found.problems)
            content = contents.get(clip) or stems.get(path.stem) or content_of(folder, clip or path.stem)
        except InvalidInput as error:
            found.problems.append(f"{path.name}: {error}")
        else:
            # Spans are all that is in a recording: without one of them it would say that there is nothing.
            if len(found.problems) == before:
                found.items.append(Labelled(below(folder, content), content, Kind.SPANS, spans=tuple(spans)))
    return found


def _text(item: SetItem, clip: str) -> str:
    lines = [f"TITLE: {item.example}", "FCM: NON-DROP FRAME", f"* FRAME RATE: {RATE}", f"* FROM CLIP NAME: {clip}"]
    for position, each in enumerate(item.spans, start=1):
        first = round(each.start * RATE)
        times = _code(first), _code(max(first + 1, round(each.end * RATE)))
        lines.append(f"{position:03d}  AX       V     C        {' '.join((*times, *times))}")
        lines.append(f"* LABEL: {each.label.encode('unicode_escape').decode('ascii')}")
    return "\n".join(lines) + "\n"


def _code(frames: int) -> str:
    seconds, frame = divmod(frames, RATE)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}"


def _read(path: Path, problems: list[str]) -> tuple[str, list[LabelledSpan]]:
    """The file that a list names, "" if it names none, and its spans."""
    lines = [line.strip() for line in read_list(path).split("\n")]
    if not any(line.startswith(("TITLE:", "FCM:")) or _EVENT.match(line) for line in lines):
        return "", [LabelledSpan(one.label, one.start, one.end) for one in read_edl(path, BREAK).all]
    if any(line.startswith("FCM: DROP") for line in lines):
        raise InvalidInput("times in drop frame can't be read; write the list anew, in non-drop frame")
    notes = [_NOTE.fullmatch(line) for line in lines]
    told = {note[1]: note[2] for note in notes if note is not None}
    rate = max(1.0, number(told.get("FRAME RATE", RATE), "the frame rate"))
    spans, label = list[LabelledSpan](), BREAK
    # From the end, since a label stands below its event.
    for line, (entry, note) in reversed(list(enumerate(zip(lines, notes, strict=True), start=1))):
        try:
            if note is not None and note[1] == "LABEL":
                label = note[2].encode("ascii", "backslashreplace").decode("unicode_escape")
            elif entry[:1].isdigit():
                spans.append(_event(entry, label, rate))
                label = BREAK
        except (InvalidInput, UnicodeDecodeError) as error:
            problems.append(f"{path.name}, line {line}: {error}")
            label = BREAK
    return told.get("FROM CLIP NAME", ""), spans[::-1]


def _event(entry: str, label: str, rate: float) -> LabelledSpan:
    event = _EVENT.match(entry)
    if event is None:
        raise InvalidInput(f"{entry[:60]!r} is no event that is known")
    return span(label, *(_seconds(code, rate) for code in event.groups()))


def _seconds(code: str, rate: float) -> float:
    parts = _CODE.fullmatch(code)
    if parts is None:
        raise InvalidInput(f"{code[:20]!r} is no time code; it has to be hours:minutes:seconds:frames")
    hours, minutes, seconds, frames = (int(part) for part in parts.groups())
    if frames >= rate:
        raise InvalidInput(f"{code} has frame {frames}, but a second has {rate:g}")
    return hours * 3600 + minutes * 60 + seconds + frames / rate
