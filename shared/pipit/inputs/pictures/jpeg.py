"""JPEG: what leads to the first scan, and the number of scans. Source: ITU-T T.81 (1992), annex B."""

from __future__ import annotations

import re

from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs.pictures.orientation import MARK, orientation_of
from pipit.inputs.pictures.plain import Plain, check_parts

MOST_SCANS = 100
"""A progressive file of a camera or browser has 3 to 12. Each costs a walk over the whole picture."""
_MARKER = re.compile(rb"\xff+([^\xff\x00])")
"""Bytes before a marker are passed over, as decoders do."""
_START_OF_SCAN = 0xDA
_END = 0xD9
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TAKEN = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended, progressive; with Huffman codes."""
_PROGRESSIVE = 0xC2
_TABLES = frozenset({0xC4, 0xDB, 0xDD})
_ENDS_SCAN = re.compile(rb"\xff+([^\xff\x00\xd0-\xd7])")
"""A marker that is not a restart within the scan."""
_JFIF, _ADOBE = 12, 12
"""Bytes of these segments that tell of the picture itself; a small picture may follow."""
_XMP = b"http://ns.adobe.com/xap/1.0/\0"


def plain_jpeg(data: bytes) -> Plain:
    """Raises InvalidInput, InputTooLarge."""
    kept: list[bytes | memoryview] = [b"\xff\xd8"]
    exif = xmp = frame = b""
    kind = parts = 0
    at = 2
    while True:
        match = _MARKER.search(data, at)
        if match is None or match[1][0] == _END:
            raise InvalidInput("the picture is damaged or cut short; send all of it")
        marker, at = match[1][0], match.end()
        parts += 1
        check_parts(parts, "segments")
        if marker in _ALONE:
            continue
        segment = data[at : at + int.from_bytes(data[at : at + 2], "big")]
        body = segment[2:]
        if marker == _START_OF_SCAN:
            break
        if marker in _FRAMES:
            if marker not in _TAKEN or frame:
                raise InvalidInput("a lossless, hierarchical or arithmetic JPEG is not taken; save it as a usual one")
            frame, kind = body, marker
        if marker == 0xE1:
            exif = exif or (body if body.startswith(MARK) else b"")
            xmp = xmp or (body if body.startswith(_XMP) else b"")
        elif marker in _FRAMES or marker in _TABLES or _tells_colours(marker, body):
            kept += [bytes((0xFF, marker)), segment]
        at += max(len(segment), 2)
    # A view, so that a large file is copied once and not twice.
    kept.append(memoryview(data)[at - 2 :])
    scans, inside = 1, 0
    if kind == _PROGRESSIVE or (frame and body and body[0] < frame[5]):
        scans = data.count(b"\xff\xda", at - 2)
        if scans > MOST_SCANS:
            raise InputTooLarge(f"the JPEG has {scans} scans, the limit is {MOST_SCANS}; save it anew")
        inside = _coefficients(frame)
    return Plain("JPEG", b"".join(kept), orientation_of(exif, xmp), inside=inside, scans=scans)


def jpeg_alone(plain: bytes) -> bytes:
    """What `plain_jpeg` leaves, without what shows something else; the pixels are the same.

    Small pictures in its header go, notes between its scans, and all that follows its end, where phones append second
    pictures and films.
    """
    kept = [b"\xff\xd8"]
    at = 2
    while (match := _ENDS_SCAN.search(plain, at)) is not None:
        marker, at = match[1][0], match.end()
        if marker in {_END, 0xD8}:
            break
        segment = plain[at : at + int.from_bytes(plain[at : at + 2], "big")]
        at += max(len(segment), 2)
        if _tells_colours(marker, segment[2:]):
            body = segment[2 : 2 + _JFIF] + bytes(2) if marker == 0xE0 else segment[2 : 2 + _ADOBE]
            segment = (len(body) + 2).to_bytes(2, "big") + body
        elif marker == _START_OF_SCAN:
            after = _ENDS_SCAN.search(plain, at)
            end = len(plain) if after is None else after.start()
            segment += plain[at:end]
            at = end
        elif marker not in _FRAMES and marker not in _TABLES:
            continue
        kept += [bytes((0xFF, marker)), segment]
    return b"".join([*kept, bytes((0xFF, _END))])


def _tells_colours(marker: int, body: bytes) -> bool:
    return (marker == 0xE0 and body.startswith(b"JFIF")) or (marker == 0xEE and body.startswith(b"Adobe"))


def _coefficients(frame: bytes) -> int:
    """Bytes that hold the picture between its scans: two for each sample of each component."""
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    factors = [(one >> 4, one & 15) for one in frame[7 : 6 + 3 * frame[5] : 3]]
    across, down = max(one for one, _ in factors), max(one for _, one in factors)
    if not (across and down):
        return 0
    units = -(-width // (8 * across)) * -(-height // (8 * down))
    return 2 * 64 * units * sum(one * other for one, other in factors)
