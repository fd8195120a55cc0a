"""PNG: the picture alone. Its colour profile and texts, which Pillow unpacks, and an animation stay away.

Source: W3C, Portable Network Graphics (third edition), 5.3.
"""

from __future__ import annotations

from pipit.inputs.pictures.orientation import orientation_of
from pipit.inputs.pictures.plain import Plain, check_parts

SIGN = b"\x89PNG\r\n\x1a\n"
_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})


def plain_png(data: bytes) -> Plain:
    """Raises InputTooLarge."""
    kept, exif = [SIGN], b""
    at, parts = len(SIGN), 0
    while at + 8 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        name = data[at + 4 : at + 8]
        parts += 1
        check_parts(parts, "chunks")
        if name in _KEPT:
            kept.append(data[at:end])
        elif name == b"eXIf":
            exif = data[at + 8 : end - 4]
        at = end
        if name == b"IEND":
            break
    return Plain("PNG", b"".join(kept), orientation_of(exif))
