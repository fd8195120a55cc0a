"""Text on pictures, in letters of several kinds."""

from __future__ import annotations

from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from ad_detection.channels.looks import Colour, Letters

PLAIN = Letters(1.0, 0.0, 0, capitals=False)


def write(
    picture: Image.Image,
    place: tuple[int, int],
    text: str,
    size: int,
    fill: str | Colour,
    letters: Letters = PLAIN,
    edge: Colour | None = None,
    opacity: float = 1.0,
) -> None:
    """Onto an RGB picture. place: left and top, pixels. size: of the font. edge: colour of a line around letters."""
    text = text.upper() if letters.capitals else text
    if edge is not None:
        thick = Letters(letters.width, letters.slant, letters.weight + 1, letters.capitals)
        picture.paste(edge, place, _mask(text, size, thick, opacity))
    picture.paste(fill, place, _mask(text, size, letters, opacity))


def width_of(text: str, size: int, letters: Letters) -> int:
    """Pixels."""
    return int(_mask(text.upper() if letters.capitals else text, size, letters, 1.0).width)


@lru_cache(maxsize=2048)
def _mask(text: str, size: int, letters: Letters, opacity: float) -> Image.Image:
    font = _font(size)
    left, _, right, bottom = font.getbbox(text, stroke_width=letters.weight)
    high, wide = int(bottom) + 4, int(right - min(left, 0)) + 4
    mask = Image.new("L", (wide, high))
    level = int(255 * opacity)
    ImageDraw.Draw(mask).text((2, 0), text, fill=level, font=font, stroke_width=letters.weight, stroke_fill=level)
    lean = int(letters.slant * high)
    if lean:
        mask = mask.transform(
            (wide + lean, high), Image.Transform.AFFINE, (1, letters.slant, -lean, 0, 1, 0), Image.Resampling.BILINEAR
        )
    return mask.resize((max(1, round(mask.width * letters.width)), high), Image.Resampling.BILINEAR)


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
