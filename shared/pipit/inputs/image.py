"""Encoded pictures to RGB."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import EncodedImage, Input, describe
from pipit.inputs.limits import LARGEST_FILE, limit_of
from pipit.inputs.media import HEAD, Kind, media_of

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "GIF", "TIFF")
TAKEN = "send a JPEG, PNG, WebP, AVIF, BMP, GIF or TIFF file"
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation; 1 is upright."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Bounds of one picture. The largest is 120 MB as RGB, twice for a moment where it has to be turned."""

    max_bytes: int = LARGEST_FILE
    """Of the file."""
    max_pixels: int = 40_000_000
    """Of what the file holds, before any reduction."""


DEFAULT_LIMITS = ImageLimits()
_PNG = b"\x89PNG\r\n\x1a\n"
_NOTES = (b"iCCP", b"tEXt", b"zTXt", b"iTXt")


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """pixels: RGB, uint8, shape (height, width, 3), upright. full_width, full_height: before a reduction."""

    pixels: NDArray[np.uint8]
    full_width: int
    full_height: int

    @property
    def full_size(self) -> tuple[int, int]:
        """Width and height."""
        return self.full_width, self.full_height


def decode_image(
    item: Input, limits: ImageLimits = DEFAULT_LIMITS, shorter_side: int | None = None
) -> NDArray[np.uint8]:
    """As `decode_with_size`, the pixels alone."""
    return decode_with_size(item, limits, shorter_side).pixels


def decode_with_size(
    item: Input, limits: ImageLimits = DEFAULT_LIMITS, shorter_side: int | None = None
) -> DecodedImage:
    """A JPEG, PNG, WebP, AVIF, BMP, GIF or TIFF file as RGB, turned upright as its EXIF orientation says.

    shorter_side: pixels that are enough for the caller. A JPEG is then decoded at 1/2, 1/4 or 1/8 of its size, the
    smallest that has them; other formats know no such short cut and stay whole.

    Grey and palette become RGB, 16 bits 8; CMYK is converted without a colour profile. What is transparent becomes
    white. Of an animation, or of several pages, the first picture is taken. A PNG's
    colour profile and texts are passed over, however long they are.

    Raises InvalidInput for what is no picture, damaged or cut short; InputTooLarge for what is over a limit.
    """
    if not isinstance(item, EncodedImage):
        raise InvalidInput(f"this task takes a picture, not {describe(item)}; {TAKEN}")
    if len(item.data) > limits.max_bytes:
        raise InputTooLarge(
            f"the picture has {len(item.data)} bytes, the limit is {limit_of(limits.max_bytes)}; make it smaller"
        )
    try:
        with Image.open(io.BytesIO(_without_notes(item.data)), formats=FORMATS) as image:
            return _decode(image, limits, shorter_side)
    except (InputTooLarge, InvalidInput):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputTooLarge(f"the picture is over the limit of {limits.max_pixels} pixels; make it smaller") from error
    except UnidentifiedImageError as error:
        media = media_of(item.data[:HEAD])
        what = f"{media.name} is not taken" if media.kind is Kind.PICTURE and not media.taken else "not a picture"
        raise InvalidInput(f"{what}; {TAKEN}") from error
    except Exception as error:  # Pillow's readers raise nearly anything on damaged bytes, from OSError to struct.error
        raise InvalidInput("the picture is damaged or cut short; send all of it") from error


def _without_notes(data: bytes) -> bytes:
    """A PNG without its colour profile and texts, which Pillow unpacks, and refuses over a megabyte."""
    if not data.startswith(_PNG):
        return data
    kept, position = [_PNG], len(_PNG)
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        end = position + 12 + length
        if data[position + 4 : position + 8] not in _NOTES:
            kept.append(data[position:end])
        position = end
    return b"".join(kept) if position == len(data) else data


def _decode(image: Image.Image, limits: ImageLimits, shorter_side: int | None) -> DecodedImage:
    width, height = image.size
    if width * height > limits.max_pixels:
        raise InputTooLarge(
            f"the picture has {width} x {height} pixels, the limit is {limits.max_pixels} in all; make it smaller"
        )
    if shorter_side is not None and shorter_side < min(width, height):
        scale = shorter_side / min(width, height)
        image.draft(None, (round(width * scale), round(height * scale)))
    image.load()
    turn = _TURNS.get(_orientation(image))
    upright = _to_rgb(image)
    if turn is not None:
        upright = upright.transpose(turn)
        if turn in (_TURNS[5], _TURNS[6], _TURNS[7], _TURNS[8]):
            width, height = height, width
    return DecodedImage(np.asarray(upright), width, height)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a picture is no worse for notes that can't be read
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise InvalidInput("a picture of fractions has no white that is known; save it with 8 or 16 bits a colour")
    if image.mode.startswith("I"):
        levels = np.asarray(image).astype(np.int64)
        # 16-bit grey: Pillow's own conversion would cut off at 255.
        return Image.fromarray(((np.clip(levels, 0, 65_535) * 255 + 32_767) // 65_535).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        page = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(page, layer).convert("RGB")
    return image.convert("RGB")
