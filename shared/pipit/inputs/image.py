"""Encoded pictures to RGB."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipit.errors import InputTooLarge, InvalidInput, QueueFull
from pipit.inputs import EncodedImage, Input, describe
from pipit.inputs.limits import LARGEST_FILE, limit_of
from pipit.inputs.media import HEAD, Kind, media_of
from pipit.inputs.memory import room_for
from pipit.inputs.pictures import FORMATS, Plain, plain_picture

TAKEN = f"send a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file"
_BAND = 320_000
"""Pixels that are converted at a time: a camera's smaller stills in one go."""
_SLACK = 6 << 20
"""Bytes that a decoder takes for a picture of any size."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Bounds of one picture."""

    max_bytes: int = LARGEST_FILE
    """Of the file."""
    max_pixels: int = 40_000_000
    """Of what the file holds, before any reduction."""
    max_work: int = 1_000_000_000
    """Pixels times the scans of a progressive JPEG."""


DEFAULT_LIMITS = ImageLimits()


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
    """A JPEG, PNG, WebP, GIF, TIFF or BMP file as RGB, turned upright as its EXIF orientation says.

    shorter_side: pixels that are enough for the caller. A JPEG is then decoded at 1/2, 1/4 or 1/8 of its size, the
    smallest that has them; other formats know no such short cut and stay whole.

    Grey and palette become RGB, 16 bits 8; CMYK is converted without a colour profile. What is transparent becomes
    white. Of an animation, or of several pages, the first picture is taken. Colour profiles and texts are passed over,
    however long they are. What the file may ask of the decoder is looked at first: see `pipit.inputs.pictures`.

    Raises InvalidInput for what is no picture, damaged or cut short; InputTooLarge for what is over a limit, QueueFull
    where others use the memory (`pipit.inputs.memory`).
    """
    if not isinstance(item, EncodedImage):
        raise InvalidInput(f"this task takes a picture, not {describe(item)}; {TAKEN}")
    if len(item.data) > limits.max_bytes:
        raise InputTooLarge(
            f"the picture has {len(item.data)} bytes, the limit is {limit_of(limits.max_bytes)}; make it smaller"
        )
    media = media_of(item.data[:HEAD])
    if media.name not in FORMATS:
        what = f"{media.name} is not taken" if media.kind is Kind.PICTURE else "not a picture"
        raise InvalidInput(f"{what}; {TAKEN}")
    try:
        plain = plain_picture(item.data, media.name)
        with Image.open(io.BytesIO(plain.data), formats=(plain.form,)) as image:
            return _decode(image, plain, limits, shorter_side)
    except (InputTooLarge, InvalidInput, QueueFull):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputTooLarge(f"the picture is over the limit of {limits.max_pixels} pixels; make it smaller") from error
    except Exception as error:  # Pillow's readers raise nearly anything on damaged bytes, from OSError to struct.error
        raise InvalidInput("the picture is damaged or cut short; send all of it") from error


def _decode(image: Image.Image, plain: Plain, limits: ImageLimits, shorter_side: int | None) -> DecodedImage:
    width, height = image.size
    if width * height > limits.max_pixels:
        raise InputTooLarge(
            f"the picture has {width} x {height} pixels, the limit is {limits.max_pixels} in all; make it smaller"
        )
    if width * height * plain.scans > limits.max_work and plain.scans > 1:
        raise InputTooLarge(
            f"the JPEG has {width} x {height} pixels in {plain.scans} scans, more than can be gone over; save it anew"
        )
    if shorter_side is not None and shorter_side < min(width, height):
        scale = shorter_side / min(width, height)
        image.draft(None, (round(width * scale), round(height * scale)))
    if image.mode == "F":
        raise InvalidInput("a picture of fractions has no white that is known; save it with 8 or 16 bits a colour")
    with room_for(decoding_bytes(image, plain), 3 * image.width * image.height):
        image.load()
        pixels = _upright(image, plain.orientation)
    if plain.orientation >= 5:
        width, height = height, width
    return DecodedImage(pixels, width, height)


def decoding_bytes(image: Image.Image, plain: Plain) -> int:
    """The most memory that decoding takes, result included; never too little (docs/measured/decoding.csv).

    image: opened and, where that is wished, reduced; not loaded.
    """
    pixels = image.width * image.height
    stored = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}.get(image.mode, 4)
    # What the decoder holds for itself is gone before the result is made.
    beside = max(plain.inside + plain.per_pixel * pixels, 3 * pixels)
    return stored * pixels + beside + len(plain.data) + _SLACK


def _upright(image: Image.Image, orientation: int) -> NDArray[np.uint8]:
    """Band by band, so that a picture is in memory once as it is stored and once as it is given, and never again."""
    width, height = image.size
    transparent = image.has_transparency_data
    several = 4 if transparent or image.mode.startswith("I") else 1
    rows = max(1, _BAND // several // width)
    if rows >= height and orientation == 1:
        return np.asarray(_to_rgb(image, transparent=transparent))
    pixels = np.empty((width, height, 3) if orientation >= 5 else (height, width, 3), np.uint8)
    stored = _as_stored(pixels, orientation)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        band = image.crop((0, top, width, bottom))
        stored[top:bottom] = np.asarray(_to_rgb(band, transparent=transparent))
    return pixels


def _as_stored(upright: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """A view of an upright picture that lies as a file of this EXIF orientation stores it."""
    views = {
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }
    return views.get(orientation, upright)


def _to_rgb(image: Image.Image, *, transparent: bool) -> Image.Image:
    if image.mode.startswith("I"):
        levels = np.asarray(image).astype(np.int64)
        # 16-bit grey: Pillow's own conversion would cut off at 255.
        return Image.fromarray(((np.clip(levels, 0, 65_535) * 255 + 32_767) // 65_535).astype(np.uint8)).convert("RGB")
    if transparent:
        layer = image.convert("RGBA")
        page = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(page, layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
