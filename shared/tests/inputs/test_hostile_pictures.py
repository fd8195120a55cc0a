"""Small files that ask for much: each is refused before a decoder sees it, or costs no more than what it shows."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pipit.errors import InputTooLarge, InvalidInput, PipitError, QueueFull
from pipit.inputs import EncodedImage
from pipit.inputs.image import ImageLimits, decode_image
from pipit.inputs.memory import Budget
from pipit.inputs.pictures import plain_picture
from pipit.inputs.pictures.orientation import orientation_of

MEBIBYTE = 1 << 20
SMALL = Image.fromarray(np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3))


def encode(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def chunk(name: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def tiff(**tags: tuple[int, ...]) -> bytes:
    """tags: `t256=(type, value)`; values that fit into the entry."""
    entries = b"".join(
        struct.pack("<HHI", int(name[1:]), kind, 1) + struct.pack("<I", value)
        for name, (kind, value) in sorted(tags.items())
    )
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


def with_scans(count: int, size: tuple[int, int] = (16, 16)) -> bytes:
    data = encode(SMALL.resize(size), "JPEG", progressive=True)
    last = data.rfind(b"\xff\xda")
    return data[:-2] + data[last:-2] * (count - data.count(b"\xff\xda")) + b"\xff\xd9"


JPEG = encode(SMALL, "JPEG", quality=95)
PNG = encode(SMALL, "PNG")
GIF = encode(SMALL.quantize(16), "GIF")
GIF_BODY = 13 + 3 * (2 << (GIF[10] & 7))
FRAME = JPEG.index(b"\xff\xc0")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (with_scans(101), "101 scans, the limit is 100"),
        (JPEG[:2] + b"\xff\xe5\0\2" * 20_000 + JPEG[2:], "more than 10000 segments"),
        (JPEG[:2] + b"\xff\xfe\0\2" * 20_000 + JPEG[2:], "more than 10000 segments"),
        (PNG[:33] + chunk(b"abCd") * 20_000 + PNG[33:], "more than 10000 chunks"),
        (PNG[:33] + chunk(b"IDAT") * 20_000 + PNG[33:], "more than 10000 chunks"),
        (GIF[:GIF_BODY] + b"\x21\xfe\0" * 20_000 + GIF[GIF_BODY:], "more than 10000 blocks"),
        (GIF[:GIF_BODY] + b"\x21\xfe" + b"\1a" * 20_000 + b"\0" + GIF[GIF_BODY:], "more than 10000 blocks"),
        (b"RIFF\0\0\0\0WEBP" + b"abcd\0\0\0\0" * 20_000, "more than 10000 chunks"),
        (b"II*\0" + struct.pack("<IH", 8, 20_000) + bytes(1 << 18), "more than 10000 tags"),
        (tiff(t256=(4, 8), t257=(4, 8), t273=(4, 8))[:-20] + bytes(40), "damaged"),
    ],
)
def test_more_parts_than_any_file_has(data: bytes, reason: str) -> None:
    with pytest.raises(PipitError, match=reason):
        decode_image(EncodedImage(data))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tiff(t256=(4, 64), t257=(4, 64), t322=(4, 16_000), t323=(4, 16_000)), "a TIFF in tiles is not taken"),
        (encode(SMALL, "TIFF", compression="jpeg"), "save it with LZW or deflate"),
        (JPEG.replace(b"\xff\xc0", b"\xff\xc9"), "arithmetic JPEG is not taken"),
        (JPEG[:FRAME] + JPEG[FRAME : FRAME + 19] + JPEG[FRAME:], "is not taken"),
        (encode(SMALL, "AVIF"), "AVIF is not taken; send a JPEG"),
        (b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 16, 16, 1, 8, 1) + bytes(99), "compressed runs is not taken"),
    ],
)
def test_kinds_that_nobody_sends(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        decode_image(EncodedImage(data))


def test_scans_cost_by_the_size_of_the_picture() -> None:
    data = EncodedImage(with_scans(50, (64, 48)))
    assert decode_image(data, ImageLimits(max_work=50 * 64 * 48)).shape == (48, 64, 3)
    with pytest.raises(InputTooLarge, match="64 x 48 pixels in 50 scans"):
        decode_image(data, ImageLimits(max_work=50 * 64 * 48 - 1))


@pytest.mark.parametrize("filled", [b"\xff" * 1_000_000, b"\0" * 1_000_000, b"\xff\0" * 500_000])
def test_bytes_before_a_marker_are_passed_over(filled: bytes) -> None:
    plain = decode_image(EncodedImage(JPEG))
    np.testing.assert_array_equal(decode_image(EncodedImage(JPEG[:20] + filled + JPEG[20:])), plain)


def test_notes_that_claim_much_are_not_read() -> None:
    """5,000 entries of 60 kB each, all at one place: Pillow would keep 300 MB of them."""
    entries = b"".join(struct.pack("<HHII", 20_000 + one, 2, 60_000, 0) for one in range(4_900))
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 4_900) + entries + bytes(4)
    data = JPEG[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + JPEG[2:]
    assert b"Exif" not in plain_picture(data, "JPEG").data
    np.testing.assert_array_equal(decode_image(EncodedImage(data)), decode_image(EncodedImage(JPEG)))


def test_a_webp_of_a_kilobyte_asks_for_its_canvas() -> None:
    data = encode(Image.new("RGB", (6000, 4000)), "WEBP", lossless=True)
    assert len(data) < 2_000
    budget = Budget(256 * MEBIBYTE)
    with budget.request(), pytest.raises(InputTooLarge, match="to decode this takes 396 MiB, the limit is 256 MiB"):
        decode_image(EncodedImage(data))
    assert budget.used == 0


def test_one_budget_for_all_that_is_decoded() -> None:
    data = EncodedImage(encode(Image.new("RGB", (1000, 1000)), "PNG"))
    budget = Budget(20 * MEBIBYTE)
    with budget.request():
        pixels = decode_image(data)
        assert budget.used == pixels.nbytes
        with budget.request(), pytest.raises(QueueFull, match="others decode with all of 20 MiB"):
            # Another request, whose time is over once it has to wait.
            budget.take(19 * MEBIBYTE, until=0.0)
        assert decode_image(data).shape == (1000, 1000, 3)
        assert budget.used == 2 * pixels.nbytes
    assert budget.used == 0


@pytest.mark.parametrize(("exif", "found"), [
    (b"", 0),
    (b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0", 6),
    (b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\x08\0\0", 8),
    (b"II*\0\xff\xff\xff\xff", 0),
    (b"II*\0\x08\0\0\0\xff\xff\x12\1", 0),
])  # fmt: skip
def test_orientation(exif: bytes, found: int) -> None:
    """found: 0 where the notes say nothing, so that XMP is asked."""
    assert orientation_of(exif) == (found or 1)
    assert orientation_of(exif, b'<x tiff:Orientation="3"/>') == (found or 3)


def test_an_orientation_that_is_none_is_upright() -> None:
    assert orientation_of(b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\x09\0\0\0") == 1
