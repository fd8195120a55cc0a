"""`frames.csv`: one line for each picture that was kept, written after the picture is in its place.

column      what it holds
file        the picture, relative to the folder of frames.csv
recording   name of the recording: its path without the ending, or the live source and when it began
programme   as --programme said, or the recording's path by --by-path; may be empty
channel     as --channel said, or the recording's path by --by-path; may be empty
seconds     from the recording's start
time        wall-clock time in UTC (ISO 8601), empty where nobody knows it
scene       counts up by one where a picture is not nearly equal to the one on the line before
hash        perceptual hash, 63 bits in hexadecimal (`pipit.data.duplicates`)
lost        pictures of the recording, about, that could not be read since the line before
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from pipit.data.duplicates import Hash
from pipit.errors import InvalidInput, NotFound
from pipit.files import room_for, write_atomically

MANIFEST = "frames.csv"
_BITS = 63


@dataclass(frozen=True, slots=True)
class FrameRow:
    """A line of the manifest."""

    file: str
    recording: str
    programme: str
    channel: str
    seconds: float
    time: str
    scene: int
    hash: str
    lost: int


COLUMNS = tuple(field.name for field in fields(FrameRow))


def read_manifest(folder: Path) -> list[FrameRow]:
    """The pictures that `pipit data frames` keeps in `folder`, in the order in which they were kept.

    A line that is being written now is left out. Raises NotFound without a manifest, InvalidInput for a damaged one.
    """
    return _parse(folder / MANIFEST)[0]


def mend_manifest(folder: Path) -> list[FrameRow]:
    """As `read_manifest`, where a process may have died: cuts a torn last line off, begins a manifest if none is there.

    Raises InvalidInput for a damaged manifest, Unavailable if the disk is full.
    """
    path = folder / MANIFEST
    if not path.exists():
        write_atomically(path, _line(COLUMNS))
    rows, whole = _parse(path)
    if whole < path.stat().st_size:
        with path.open("r+b") as file:
            file.truncate(whole)
    return rows


def append_row(folder: Path, row: FrameRow) -> None:
    """Adds a whole line or none. Raises Unavailable if the disk is full."""
    path = folder / MANIFEST
    # Unbuffered: what has not been written must not be written again when the file is closed.
    with room_for(path), path.open("ab", buffering=0) as file:
        end = path.stat().st_size
        line = _line(astuple(row))
        try:
            while line:
                line = line[file.write(line) :]
        except OSError:
            file.truncate(end)
            raise


def hash_text(bits: Hash) -> str:
    """A perceptual hash as the manifest has it."""
    return np.packbits(bits).tobytes().hex()


def hash_of(text: str) -> Hash:
    """The inverse of `hash_text`. Raises ValueError."""
    packed = bytes.fromhex(text)
    if len(packed) != (_BITS + 7) // 8:
        raise ValueError(f"{text!r} is no hash of {_BITS} bits")
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=_BITS).astype(bool)


def _parse(path: Path) -> tuple[list[FrameRow], int]:
    """Rows, and the bytes up to the end of the last whole line."""
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"{path} is missing; `pipit data frames --output {path.parent}` makes it") from error
    # After a power cut a file may end in zeros that nobody wrote.
    whole = data.rstrip(b"\0").rfind(b"\n") + 1
    lines = data[:whole].split(b"\n")[:-1]
    if not lines or _values(lines[0], path, 1) != list(COLUMNS):
        raise InvalidInput(f"{path} is no list of frames: its first line has to be {','.join(COLUMNS)}; move it away")
    return [_row(_values(line, path, number), path, number) for number, line in enumerate(lines[1:], start=2)], whole


def _values(line: bytes, path: Path, number: int) -> list[str]:
    try:
        return next(csv.reader([line.decode("utf-8").removesuffix("\r")], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{path}, line {number} is damaged: {error}; mend it or take it out") from error


def _row(values: list[str], path: Path, number: int) -> FrameRow:
    try:
        file, recording, programme, channel, seconds, time, scene, bits, lost = values
        hash_of(bits)
        row = FrameRow(file, recording, programme, channel, float(seconds), time, int(scene), bits, int(lost))
    except ValueError as error:
        raise InvalidInput(f"{path}, line {number} is damaged: {error}; mend it or take it out") from error
    if not (0 <= row.seconds < float("inf") and row.file and row.recording):
        raise InvalidInput(f"{path}, line {number} is damaged: it lacks a file, a recording or a time; take it out")
    return row


def _line(values: Iterable[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(
        [f"{value:.3f}" if isinstance(value, float) else str(value) for value in values]
    )
    return text.getvalue().encode()
