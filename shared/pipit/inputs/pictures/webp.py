"""WebP: how many chunks it has, and how it lies. Source: RFC 9649, 2.3 to 2.7."""

from __future__ import annotations

from pipit.inputs.pictures.orientation import orientation_of
from pipit.inputs.pictures.plain import Plain, check_parts

_CANVASES = 13
"""Bytes that libwebp and Pillow hold for each pixel, measured: the canvas of an animation, even for one picture, what
is unpacked onto it, and a copy."""


def plain_webp(data: bytes) -> Plain:
    """Raises InputTooLarge."""
    notes = {b"EXIF": b"", b"XMP ": b""}
    at, parts = 12, 0
    while at + 8 <= len(data):
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        name = data[at : at + 4]
        parts += 1
        check_parts(parts, "chunks")
        if name in notes and not notes[name]:
            notes[name] = data[at + 8 : end]
        at = end + end % 2
    orientation = orientation_of(notes[b"EXIF"], notes[b"XMP "])
    return Plain("WEBP", data, orientation, per_pixel=_CANVASES)
