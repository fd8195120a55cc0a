"""What a file is, by its first bytes: a name may say anything, and phones and browsers give names of their own.

Sources: the formats' own specifications; brands of ISO base media files: https://mp4ra.org/registered-types/brands.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from pipit.errors import InvalidInput, NotFound
from pipit.inputs.suffixes import VIDEOS

HEAD = 4096
"""Bytes of a file that are enough to know it."""
_PACKET = 188
"""Bytes of a packet of an MPEG transport stream, each of which begins with the same byte."""


class Kind(Enum):
    """What a file is sent as."""

    PICTURE = "picture"
    SOUND = "sound"
    FILM = "film"
    """A container that may hold pictures, sound, or both."""
    LANDMARKS = "landmarks"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Media:
    """name: of the format, as people call it; "" if it is not known. taken: whether it can be sent as it is."""

    kind: Kind
    name: str
    taken: bool = True


UNKNOWN = Media(Kind.OTHER, "", taken=False)
_SIGNS = (
    (b"\xff\xd8\xff", Media(Kind.PICTURE, "JPEG")),
    (b"\x89PNG\r\n\x1a\n", Media(Kind.PICTURE, "PNG")),
    (b"GIF87a", Media(Kind.PICTURE, "GIF")),
    (b"GIF89a", Media(Kind.PICTURE, "GIF")),
    (b"II*\0", Media(Kind.PICTURE, "TIFF")),
    (b"MM\0*", Media(Kind.PICTURE, "TIFF")),
    (b"RIFX", Media(Kind.SOUND, "WAV")),
    (b"RF64", Media(Kind.SOUND, "WAV")),
    (b"fLaC", Media(Kind.SOUND, "FLAC")),
    (b"ID3", Media(Kind.SOUND, "MP3")),
    (b"FORM", Media(Kind.SOUND, "AIFF", taken=False)),
    (b"caff", Media(Kind.SOUND, "CAF", taken=False)),
    (b"#!AMR", Media(Kind.SOUND, "AMR", taken=False)),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Media(Kind.FILM, "WMA or WMV")),
    (b"\x1aE\xdf\xa3", Media(Kind.FILM, "WebM or Matroska")),
    (b"\0\0\1\xba", Media(Kind.FILM, "MPEG")),
    (b"\0\0\1\xb3", Media(Kind.FILM, "MPEG")),
    (b"FLV\1", Media(Kind.FILM, "FLV")),
    (b"PK\3\4", Media(Kind.LANDMARKS, "NumPy archive")),
)
_RIFF = {
    b"WAVE": Media(Kind.SOUND, "WAV"),
    b"WEBP": Media(Kind.PICTURE, "WebP"),
    b"AVI ": Media(Kind.FILM, "AVI"),
}
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_AVIF = frozenset({b"avif", b"avis"})


def media_of(head: bytes) -> Media:
    """head: the first `HEAD` bytes of a file, or all of a shorter one."""
    found = next((media for sign, media in _SIGNS if head.startswith(sign)), UNKNOWN)
    if head.startswith(b"RIFF"):
        found = _RIFF.get(head[8:12], UNKNOWN)
    elif head.startswith(b"OggS"):
        found = Media(Kind.FILM, "Ogg video") if b"theora" in head[:128] else Media(Kind.SOUND, "Ogg")
    elif head[4:8] == b"ftyp":
        found = _iso(head[8:12], head)
    elif head.startswith(b"BM") and head[6:10] == bytes(4):
        found = Media(Kind.PICTURE, "BMP")
    elif len(head) > _PACKET and head[0] == head[_PACKET] == 0x47:
        found = Media(Kind.FILM, "MPEG transport stream")
    elif found is UNKNOWN and len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        found = Media(Kind.SOUND, "MP3")
    return found


def media_of_file(path: Path) -> Media:
    """By its name only where the content is not known: what reads films then says what is wrong with it.

    Raises as `open_file`.
    """
    with open_file(path) as file:
        media = media_of(file.read(HEAD))
    return Media(Kind.FILM, "video", taken=False) if media is UNKNOWN and path.suffix.lower() in VIDEOS else media


def is_pipe(path: Path) -> bool:
    """Whether a file can be read but once, as `/dev/stdin` behind a pipe. Such a one is never opened to look at it."""
    try:
        return path.is_fifo() or path.is_char_device()
    except OSError:
        return False


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Raises NotFound and InvalidInput for a file that can't be opened, with the system's reason."""
    try:
        file = path.open("rb")
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise NotFound(f"there is no file {path}") from error
        raise InvalidInput(f"{path} can't be read: {error.strerror}") from error
    with file:
        yield file


def _iso(brand: bytes, head: bytes) -> Media:
    size = int.from_bytes(head[:4], "big")
    brands = {brand, *(head[at : at + 4] for at in range(16, min(size, len(head)), 4))}
    if brand in _AVIF or (brand in (b"mif1", b"msf1") and brands & _AVIF):
        return Media(Kind.PICTURE, "AVIF", taken=False)
    if brand in _HEIC:
        return Media(Kind.PICTURE, "HEIC", taken=False)
    return Media(Kind.FILM, "M4A" if brand.startswith((b"M4A", b"M4B")) else "MP4 or MOV")
