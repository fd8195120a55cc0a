"""GIF: its first picture, without comments and what applications add. Source: CompuServe, GIF89a (1990)."""

from __future__ import annotations

from pipit.inputs.pictures.plain import Plain, check_parts

_HEADER = 13
_EXTENSION, _PICTURE, _CONTROL = 0x21, 0x2C, 0xF9


def plain_gif(data: bytes) -> Plain:
    """Raises InputTooLarge; IndexError for a file without a picture."""
    at = _HEADER
    if data[10] & 0x80:
        at += 3 << ((data[10] & 7) + 1)
    head, control, parts = data[:at], b"", 0
    while data[at] != _PICTURE:
        parts += 1
        check_parts(parts, "blocks")
        if data[at] != _EXTENSION:
            at += 1
            continue
        begin, label = at, data[at + 1]
        at += 2
        while size := data[at]:
            parts += 1
            check_parts(parts, "blocks")
            at += 1 + size
        at += 1
        if label == _CONTROL:
            control = data[begin:at]
    return Plain("GIF", head + control + data[at:])
