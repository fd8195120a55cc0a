"""What a WAV header promises, and the mending of headers that recorders left open.

libsndfile trims a promise to the file's end in silence, and takes a length of zero for an empty file. A caller should
hear of a file that was cut short; a recorder that wrote into a pipe, or was interrupted, could not know its length, and
what is there is its recording.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

MAX_CHUNKS = 1_000
UNKNOWN_LENGTH = 0xFFFFFFFF
"""Stands for the length in `ds64` in RF64, and elsewhere for none."""
OPEN_FROM = 0x7FFF0000
"""From here on a promise that the file does not keep was left open: sox writes 7ffff000, arecord 7fffff00, others
80000000, ffffffff, or that less the header."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Where a WAV's samples lie, in bytes. promised: by the header. there: what follows. left_open: no promise.

    wide_at: where RF64 keeps the lengths that need 64 bits; 0 elsewhere.
    """

    start: int
    promised: int
    there: int
    left_open: bool
    wide_at: int = 0

    @property
    def missing(self) -> int:
        """Bytes of samples that were promised and are not there."""
        return 0 if self.left_open else max(0, self.promised - self.there)


def find_samples(file: BinaryIO) -> Samples | None:
    """Of a WAV (RIFF, RIFX or RF64) that can be sought in; None for another format or one without samples.

    Source: Microsoft and IBM, Multimedia Programming Interface and Data Specifications 1.0, 1991; EBU Tech 3306.
    """
    size = file.seek(0, io.SEEK_END)
    order = _order(file)
    if order is None:
        return None
    wide, wide_at, position = 0, 0, 12
    for _ in range(MAX_CHUNKS):
        name, length = _chunk(file, position, order)
        if not name:
            return None
        position += 8
        if name == b"data":
            promised = wide if length == UNKNOWN_LENGTH else length
            there = size - position
            too_much = promised > there and promised >= OPEN_FROM and not wide
            left_open = too_much or (not promised and not _ends_with_chunks(file, position, size))
            return Samples(position, promised, there, left_open, wide_at)
        if name == b"ds64":
            wide_at = position
            (wide,) = struct.unpack("<Q", _read(file, position + 8, 8).ljust(8, b"\0"))
        position += length + length % 2
    return None


def _order(file: BinaryIO) -> str | None:
    head = _read(file, 0, 12)
    return {b"RIFF": "<", b"RIFX": ">", b"RF64": "<"}.get(head[:4]) if head[8:] == b"WAVE" else None


def _chunk(file: BinaryIO, position: int, order: str) -> tuple[bytes, int]:
    """Name and length; no name at the file's end."""
    head = _read(file, position, 8)
    return struct.unpack(f"{order}4sI", head) if len(head) == 8 else (b"", 0)


def _ends_with_chunks(file: BinaryIO, position: int, size: int) -> bool:
    """Whether what follows is other chunks up to the end, so that no samples are there at all."""
    order = _order(file) or "<"
    for _ in range(MAX_CHUNKS):
        if position >= size:
            return True
        name, length = _chunk(file, position, order)
        if not (name.isascii() and name.decode("ascii").isprintable() and name.strip()):
            return False
        position += 8 + length + length % 2
        if position > size + 1:
            return False
    return False


def _read(file: BinaryIO, position: int, count: int) -> bytes:
    file.seek(position)
    return file.read(count)


class Mended(io.RawIOBase):
    """A WAV whose header was left open, with its true length in it. The file itself stays as it is."""

    def __init__(self, file: BinaryIO, samples: Samples) -> None:
        super().__init__()
        self._file = file
        order = _order(file) or "<"
        self._patches = [(samples.start - 4, struct.pack(f"{order}I", min(samples.there, UNKNOWN_LENGTH - 1)))]
        if samples.wide_at:
            lengths = struct.pack("<QQ", samples.start + samples.there - 8, samples.there)
            self._patches = [(samples.wide_at, lengths)]
        file.seek(0)

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """As files do."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As files do."""
        return self._file.tell()

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """As files do, with the length in its place."""
        begin = self._file.tell()
        data = bytearray(self._file.read(len(buffer)))
        for at, patch in self._patches:
            for offset, byte in enumerate(patch, at - begin):
                if 0 <= offset < len(data):
                    data[offset] = byte
        buffer[: len(data)] = data
        return len(data)
