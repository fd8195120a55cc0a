"""What every reader of picture files gives."""

from __future__ import annotations

from dataclasses import dataclass

from pipit.errors import InputTooLarge

MOST_PARTS = 10_000
"""Segments, chunks or blocks of one file. A PNG of 16 MiB has 2,048 of the usual 8 KiB."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A picture file without its notes.

    form: Pillow's name of the format. orientation: of EXIF, 1 to 8. inside: bytes that the decoder holds for itself,
    beside the picture, whatever it is reduced to. per_pixel: the same for each pixel. scans: how often the decoder
    goes over the whole picture.
    """

    form: str
    data: bytes
    orientation: int = 1
    inside: int = 0
    per_pixel: int = 0
    scans: int = 1


def check_parts(count: int, what: str) -> None:
    """Raises InputTooLarge for more than anybody's file has."""
    if count > MOST_PARTS:
        raise InputTooLarge(f"the picture has more than {MOST_PARTS} {what}; save it anew, without notes")
