"""How a picture lies, from its notes: nothing else of them is read, for they may claim any size.

Source: Exif 2.32, 4.6.2 (a TIFF of its own), tag 0x0112.
"""

from __future__ import annotations

import re
import struct

TAG = 0x0112
MARK = b"Exif\0\0"
_SHORT = 3
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')


def orientation_of(exif: bytes, xmp: bytes = b"") -> int:
    """1 to 8; 1 where nothing is said, or what is said can't be read. xmp: asked where `exif` does not say it."""
    found = _of_exif(exif.removeprefix(MARK))
    if not found and (match := _XMP.search(xmp)) is not None:
        found = int(match[1])
    return found if 1 <= found <= 8 else 1


def _of_exif(data: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        return 0
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    if start + 2 > len(data):
        return 0
    (count,) = struct.unpack_from(f"{order}H", data, start)
    for at in range(start + 2, min(start + 2 + 12 * count, len(data) - 11), 12):
        tag, kind, values = struct.unpack_from(f"{order}HHI", data, at)
        if tag == TAG:
            return int(struct.unpack_from(f"{order}H", data, at + 8)[0]) if (kind, values) == (_SHORT, 1) else 0
    return 0
