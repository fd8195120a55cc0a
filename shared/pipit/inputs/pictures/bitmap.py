"""BMP: uncompressed ones. Source: Microsoft, BITMAPINFOHEADER."""

from __future__ import annotations

from pipit.errors import InvalidInput
from pipit.inputs.pictures.plain import Plain

_RUNS = (1, 2)
"""Compression by runs of equal pixels, which Pillow unpacks byte by byte in Python."""


def plain_bitmap(data: bytes) -> Plain:
    """Raises InvalidInput."""
    header = int.from_bytes(data[14:18], "little")
    if header > 12 and int.from_bytes(data[30:34], "little") in _RUNS:
        raise InvalidInput("a BMP with compressed runs is not taken; save it as PNG")
    return Plain("BMP", data)
