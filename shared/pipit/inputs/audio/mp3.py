"""MP3 files with a tag in front: libsndfile knows none that is empty, or has zeros behind it."""

from __future__ import annotations

import io
from typing import BinaryIO

_TAG = 10
"""Bytes of an ID3v2 tag's header. https://id3.org/id3v2.4.0-structure"""
_MOST_ZEROS = 1 << 20
_BLOCK = 1 << 12


def sound_from(file: BinaryIO) -> int:
    """Where the sound begins behind a tag and the zeros after it; 0 where there is no tag. The file stands at 0."""
    head = file.read(_TAG)
    file.seek(0)
    if len(head) < _TAG or not head.startswith(b"ID3") or any(byte & 0x80 for byte in head[6:]):
        return 0
    size = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    footer = _TAG if head[5] & 0x10 else 0
    start = _TAG + size + footer
    file.seek(start)
    zeros = 0
    while zeros < _MOST_ZEROS and (block := file.read(_BLOCK)):
        rest = len(block.lstrip(b"\0"))
        zeros += len(block) - rest
        if rest:
            break
    file.seek(0)
    return start + zeros


class Tail(io.RawIOBase):
    """What a file holds from `start` on, as a file of its own."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        super().__init__()
        self._file = file
        self._start = start
        file.seek(start)

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """As files do."""
        at = self._file.seek(offset + self._start if whence == io.SEEK_SET else offset, whence)
        return max(at, self._start) - self._start

    def tell(self) -> int:
        """As files do."""
        return self._file.tell() - self._start

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """As files do."""
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
