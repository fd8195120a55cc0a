"""TIFF: the first page with the tags that its pixels need. Source: Adobe, TIFF revision 6.0 (1992), section 2."""

from __future__ import annotations

import struct

from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs.pictures.orientation import orientation_of
from pipit.inputs.pictures.plain import Plain, check_parts

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
"""Bytes of a value of each type."""
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _ROWS = 256, 257, 258, 259, 277, 278
_NEEDED = frozenset(
    {_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _ROWS, 262, 266, 273, 279, 284, 317, 320, 338, 339}
)
_TILES = frozenset({322, 323, 324, 325})
_TAKEN = frozenset({1, 5, 8, 32_773, 32_946})
"""None, LZW, deflate, PackBits, deflate by its old number."""
_MOST_VALUES = 1 << 20
"""Bytes of a tag."""


def plain_tiff(data: bytes) -> Plain:
    """Raises InvalidInput, InputTooLarge; ValueError for what can't be read."""
    order = "<" if data.startswith(b"II") else ">"
    try:
        return _plain(data, order)
    except struct.error as error:
        raise ValueError(str(error)) from error


def _plain(data: bytes, order: str) -> Plain:
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    check_parts(count, "tags")
    entries: dict[int, bytes] = {}
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, values = struct.unpack_from(f"{order}HHI", data, at)
        if tag in _TILES:
            raise InvalidInput("a TIFF in tiles is not taken; save it in strips, or as PNG")
        if tag in _NEEDED:
            if values * _SIZES.get(kind, 1) > _MOST_VALUES:
                raise InputTooLarge("the TIFF is cut into too many strips; save it anew, or as PNG")
            entries[tag] = data[at : at + 12]
    compression = _number(entries.get(_COMPRESSION), order, 1)
    if compression not in _TAKEN:
        raise InvalidInput("a TIFF with this compression is not taken; save it with LZW or deflate, or as PNG")
    table = struct.pack(f"{order}H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    padded = len(data) + len(data) % 2
    plain = data[:4] + struct.pack(f"{order}I", padded) + data[8:].ljust(padded - 8, b"\0") + table
    # What EXIF is made like is a TIFF itself.
    return Plain("TIFF", plain, orientation_of(data), inside=_strip(entries, order))


def _number(entry: bytes | None, order: str, otherwise: int) -> int:
    if entry is None:
        return otherwise
    is_short = struct.unpack_from(f"{order}H", entry, 2)[0] == 3
    return int(struct.unpack_from(f"{order}{'H' if is_short else 'I'}", entry, 8)[0])


def _strip(entries: dict[int, bytes], order: str) -> int:
    """Bytes of the largest strip once it is unpacked; there may be but one, with the whole picture."""
    width, height = (_number(entries.get(tag), order, 0) for tag in (_WIDTH, _HEIGHT))
    rows = min(_number(entries.get(_ROWS), order, height), height)
    samples = _number(entries.get(_SAMPLES), order, 1)
    # Pillow shows no more than 16 bits of each of several samples.
    return rows * width * samples * 2
