"""Lists of what a player leaves out: MPlayer's EDL, which Kodi and others read, and Comskip's own txt.

EDL, a line each: start and end (seconds or h:mm:ss; Kodi takes #FRAME too), and what to do: 0 cut, 1 mute, 2 scene
marker, 3 commercial break. Source: mplayerhq.hu/DOCS/HTML/en/edl.html, kodi.wiki/view/Edit_decision_list

Comskip's txt: `FILE PROCESSING COMPLETE 52632 FRAMES AT 2997` (frames, and 100 times their rate), a line of dashes,
then first and last frame of each break, counted from 1. Source: github.com/erikkaashoek/Comskip
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from pipit.data.frames.naming import recording_of_file
from pipit.data.spans.times import seconds_of
from pipit.data.spans.types import Span, Spans
from pipit.errors import InvalidInput, NotFound

CUT, MUTE, SCENE, BREAK = 0, 1, 2, 3
_HEADER = re.compile(r"FILE PROCESSING COMPLETE\s+(\d{1,12}) FRAMES AT\s+(\d{1,6}(?:\.\d{1,6})?)", re.ASCII)
_FRAMES = re.compile(r"(\d{1,12})\s+(\d{1,12})", re.ASCII)
_MOST = 64 << 20
"""Bytes of a list; recordings have kilobytes."""


def read_edl(
    path: Path, label: str, recording: str | None = None, kinds: Iterable[int] = (CUT, BREAK), rate: float | None = None
) -> Spans:
    """Spans of the wanted kinds as `label`. An empty list says that the recording has none.

    recording: its name; None for the list's own, without the ending. rate: frames a second, for times that are frames.
    Raises NotFound, InvalidInput that names the line.
    """
    wanted, recording = frozenset(kinds), recording or recording_of_file(PurePosixPath(path.name))

    def span(line: str) -> Span | None:
        parts = line.split()
        if len(parts) != 3 or parts[2] not in {"0", "1", "2", "3"}:
            raise InvalidInput(f"{line[:60]!r} is no entry; it has to be start, end, and 0, 1, 2 or 3")
        if int(parts[2]) not in wanted:
            return None
        return Span(recording, _moment(parts[0], rate), _moment(parts[1], rate), label)

    lines = [(number, line) for number, line in enumerate(_lines(path), start=1) if not line.startswith("##")]
    return _read(path, recording, lines, span)


def read_comskip(path: Path, label: str, recording: str | None = None, rate: float | None = None) -> Spans:
    """Breaks as `label`. recording: as in `read_edl`. rate: frames a second, where the list does not say it.

    Raises NotFound, InvalidInput that names the line.
    """
    recording = recording or recording_of_file(PurePosixPath(path.name))
    lines = list(enumerate(_lines(path), start=1))
    header = _HEADER.match(lines[0][1]) if lines else None
    if header is not None:
        stated = float(header[2]) / (1 if "." in header[2] else 100)
        rate = stated or rate
    if rate is None or not 1 <= rate <= 1000:
        raise InvalidInput(
            f"{path.name} does not say how many frames a second there are; its first line has to be like "
            "FILE PROCESSING COMPLETE  52632 FRAMES AT  2997"
        )
    frames = rate

    def span(line: str) -> Span | None:
        if _HEADER.match(line) or not line.strip("- "):
            return None
        parts = _FRAMES.fullmatch(line)
        if parts is None:
            raise InvalidInput(f"{line[:60]!r} is no break; it has to be its first and last frame")
        return Span(recording, max(0, int(parts[1]) - 1) / frames, int(parts[2]) / frames, label)

    return _read(path, recording, lines, span)


def edl_text(spans: Iterable[Span], kind: int = BREAK) -> str:
    """An EDL of one recording's spans; see `read_edl`."""
    return "".join(f"{span.start:.3f}\t{span.end:.3f}\t{kind}\n" for span in spans)


def comskip_text(spans: Iterable[Span], frames: int, rate: float) -> str:
    """Comskip's txt of one recording's spans, as near as whole frames come.

    frames: of the recording. rate: frames a second.
    """
    head = f"FILE PROCESSING COMPLETE {frames:6d} FRAMES AT {round(rate * 100):5d}\n-------------------\n"
    rate = round(rate * 100) / 100
    breaks = ((round(span.start * rate) + 1, round(span.end * rate)) for span in spans)
    return head + "".join(f"{first}\t{max(first, last)}\n" for first, last in breaks)


def _moment(text: str, rate: float | None) -> float:
    if not text.startswith("#"):
        return seconds_of(text)
    if rate is None:
        raise InvalidInput(f"{text[:40]} is the number of a frame; write seconds, or say the frames a second")
    if not re.fullmatch(r"#\d{1,12}", text, re.ASCII):
        raise InvalidInput(f"{text[:40]} is no number of a frame")
    return int(text[1:]) / rate


def _lines(path: Path) -> list[str]:
    """Without spaces around them, empty ones too."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise NotFound(f"there is no file {path}") from error
    if len(data) > _MOST:
        raise InvalidInput(f"{path.name} is no list of cuts: it has more than {_MOST >> 20} MiB")
    try:
        # A byte-order mark is what Windows' editors leave.
        return [line.strip() for line in data.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path.name} is not UTF-8 text: {error.reason}") from error


def _read(path: Path, recording: str, lines: Iterable[tuple[int, str]], span: Callable[[str], Span | None]) -> Spans:
    found = []
    for number, line in lines:
        if not line:
            continue
        try:
            entry = span(line)
        except InvalidInput as error:
            raise InvalidInput(f"{path.name}, line {number}: {error}") from error
        if entry is not None:
            found.append(entry)
    return Spans(found, (recording,))
