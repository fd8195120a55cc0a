"""Draws frames of television that never was: channels, programmes, spots and promotions, none of them real.

Every channel has its own logo, colours and captions, every programme its own set and people, every brand its own
colours and product. All follow from seeds. So that no single sign tells: some content is as bright as a spot and some
spots are as calm as a film, promotions bear the channel's logo, and some content bears none.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

WIDTH, HEIGHT = 320, 180
Colour = tuple[int, int, int]
Pixels = NDArray[np.uint8]
Draw = np.random.Generator
KINDS = ("studio", "pitch", "film", "street")
"""Of programmes."""
SYLLABLES = (
    "ba",
    "co",
    "dri",
    "fen",
    "go",
    "hal",
    "ki",
    "lu",
    "mo",
    "nar",
    "pe",
    "qui",
    "ro",
    "sta",
    "tu",
    "vel",
    "zo",
)


@dataclass(frozen=True, slots=True)
class Channel:
    """number: of its seed. logo: letters. corner: 0 to 3. strip: of captions, its height in pixels."""

    number: int
    logo: str
    corner: int
    size: int
    colours: tuple[Colour, Colour]
    strip: int
    boxed: bool


def make_channel(number: int) -> Channel:
    """The same number gives the same channel."""
    draw = np.random.default_rng([number, 1])
    letters = "".join(chr(65 + int(code)) for code in draw.integers(0, 26, int(draw.integers(2, 4))))
    colours = (colour(draw, 0.8, 0.9), colour(draw, 0.6, 0.4))
    return Channel(
        number, letters, int(draw.integers(4)), int(draw.integers(12, 19)), colours, int(draw.integers(18, 34)),
        bool(draw.random() < 0.5),
    )  # fmt: skip


def colour(draw: Draw, saturation: float, value: float) -> Colour:
    """Of any hue; saturation and value 0..1, each a little off."""
    hue = float(draw.random()) * 6
    strong = min(1.0, max(0.0, saturation + float(draw.normal(0, 0.1))))
    light = min(1.0, max(0.05, value + float(draw.normal(0, 0.08))))
    parts = [light * (1 - strong * max(0.0, min(1.0, abs((hue - turn) % 6 - 3) - 1))) for turn in (3, 5, 1)]
    return int(255 * parts[0]), int(255 * parts[1]), int(255 * parts[2])


def word(draw: Draw, least: int = 2, most: int = 3) -> str:
    """That means nothing."""
    return "".join(draw.choice(SYLLABLES, int(draw.integers(least, most + 1))))


def content_frame(channel: Channel, programme: int, shot: int, moment: float, *, logo: bool) -> Pixels:
    """A frame of a programme. moment: seconds into the shot. Gives RGB, uint8, (180, 320, 3)."""
    own, draw = np.random.default_rng([programme, 2]), np.random.default_rng([programme, shot, 3])
    kind = KINDS[(programme // 1000 + programme) % len(KINDS)]
    saturation, value = float(own.uniform(0.15, 0.75)), float(own.uniform(0.3, 0.7))
    picture = _ground(draw, saturation, value, moment)
    pen = ImageDraw.Draw(picture)
    if kind == "pitch":
        _pitch(pen, draw, moment)
    else:
        for _ in range(int(draw.integers(1, 4))):
            _person(pen, draw, saturation, moment)
    picture = _finished(picture, draw)
    pen = ImageDraw.Draw(picture)
    if kind == "pitch":
        pen.rectangle((8, 8, 92, 24), fill=channel.colours[1])
        _text(pen, (12, 10), f"{word(own, 1, 1).upper()} {shot % 4}:{shot % 3} {word(own, 1, 1).upper()}", 10, "white")
    elif draw.random() < (0.5 if kind == "studio" else 0.1):
        _caption(pen, channel, draw)
    # A montage or a title of the programme itself bears no logo.
    if logo and np.random.default_rng([programme, shot // 8, 4]).random() > 0.07:
        _logo(pen, channel)
    return np.asarray(picture)


def spot_frame(brand: int, shot: int, moment: float, *, last: bool) -> Pixels:
    """A frame of a spot. last: the shot that shows the product and its name."""
    own, draw = np.random.default_rng([brand, 5]), np.random.default_rng([brand, shot, 6])
    calm = own.random() < 0.3
    name, tint = word(own).upper(), colour(own, 0.4 if calm else 0.9, 0.8)
    saturation = 0.35 if calm else 0.8
    if last:
        picture = Image.new("RGB", (WIDTH, HEIGHT), tint if own.random() < 0.5 else (245, 245, 245))
        pen = ImageDraw.Draw(picture)
        _product(pen, np.random.default_rng([brand, 7]), (WIDTH * 0.32, HEIGHT * 0.52), 42 + 2 * moment)
        _text(pen, (WIDTH // 2, 55), name, 30, "black" if sum(tint) > 380 else "white", tint)
        _text(pen, (WIDTH // 2, 98), word(own, 2, 2) + " " + word(own, 2, 3), 14, "black")
        if own.random() < 0.4:
            pen.ellipse((238, 110, 306, 170), fill=colour(own, 0.9, 0.9))
            _text(pen, (248, 128), f"{own.integers(1, 99)}.99", 18, "white")
        return np.asarray(_finished(picture, draw))
    picture = _ground(draw, saturation, float(draw.uniform(0.45, 0.9)), moment)
    pen = ImageDraw.Draw(picture)
    for _ in range(int(draw.integers(0, 3))):
        _person(pen, draw, saturation, moment)
    if draw.random() < 0.5:
        _product(pen, np.random.default_rng([brand, 7]), (float(draw.uniform(80, 240)), 100.0), 22 + 3 * moment)
    picture = _finished(picture, draw)
    pen = ImageDraw.Draw(picture)
    if draw.random() < 0.4:
        _text(pen, (int(draw.integers(20, 120)), int(draw.integers(30, 130))), word(draw, 2, 4), 24, "white", tint)
    if draw.random() < 0.3:
        _text(pen, (10, HEIGHT - 12), " ".join(word(draw) for _ in range(9)), 8, "white")
    return np.asarray(picture)


def promotion_frame(channel: Channel, programme: int, shot: int, moment: float, *, logo: bool) -> Pixels:
    """A frame of the channel's own advertisement for a programme: its pictures, its logo, and when it is shown."""
    picture = Image.fromarray(content_frame(channel, programme, shot, moment, logo=logo))
    pen = ImageDraw.Draw(picture)
    own = np.random.default_rng([programme, 8])
    pen.rectangle((0, HEIGHT * 0.6, WIDTH, HEIGHT * 0.9), fill=channel.colours[0])
    _text(pen, (20, int(HEIGHT * 0.64)), word(own, 2, 4).upper(), 20, "white")
    _text(pen, (20, int(HEIGHT * 0.78)), f"{word(own, 2, 2)} {own.integers(18, 23)}:{own.integers(1, 6)}0", 12, "white")
    return np.asarray(picture)


def encoded(pixels: Pixels, kind: str = "JPEG") -> bytes:
    """As a file. kind: a format that Pillow writes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, quality=85)
    return buffer.getvalue()


def _ground(draw: Draw, saturation: float, value: float, moment: float) -> Image.Image:
    """Two colours that run into each other, and things before them that the camera passes."""
    one, other = (np.array(colour(draw, saturation, value * part), float) for part in (1.0, 0.5))
    angle = float(draw.uniform(0, 2 * math.pi))
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH] / HEIGHT
    share = np.clip(0.5 + (across - 0.9) * math.cos(angle) * 0.5 + (down - 0.5) * math.sin(angle), 0, 1)[..., None]
    picture = Image.fromarray(np.asarray(one * share + other * (1 - share), np.uint8))
    pen = ImageDraw.Draw(picture)
    pan = float(draw.normal(0, 6)) * moment
    for _ in range(int(draw.integers(2, 8))):
        left, top = float(draw.uniform(-40, WIDTH)) + pan, float(draw.uniform(-20, HEIGHT))
        wide, high = draw.uniform(15, 110, 2).tolist()
        shape = pen.rectangle if draw.random() < 0.6 else pen.ellipse
        shape(
            (left, top, left + wide, top + high), fill=colour(draw, saturation, value * float(draw.uniform(0.5, 1.4)))
        )
    return picture


def _person(pen: ImageDraw.ImageDraw, draw: Draw, saturation: float, moment: float) -> None:
    across = float(draw.uniform(40, WIDTH - 40)) + 2 * math.sin(moment)
    head = float(draw.uniform(12, 34))
    top = float(draw.uniform(20, 70))
    skin = tuple(int(part * draw.uniform(0.8, 1.0)) for part in ((224, 178, 150), (150, 100, 70))[draw.random() < 0.4])
    pen.ellipse(
        (across - 2 * head, top + 1.8 * head, across + 2 * head, top + 9 * head), fill=colour(draw, saturation, 0.5)
    )
    pen.ellipse((across - 0.8 * head, top, across + 0.8 * head, top + 2.1 * head), fill=skin)
    pen.pieslice(
        (across - 0.9 * head, top - 3, across + 0.9 * head, top + 2 * head), 180, 360, fill=colour(draw, 0.4, 0.2)
    )


def _pitch(pen: ImageDraw.ImageDraw, draw: Draw, moment: float) -> None:
    pen.rectangle((0, HEIGHT * 0.3, WIDTH, HEIGHT), fill=(60, 130 + int(draw.integers(-25, 26)), 55))
    for _ in range(int(draw.integers(5, 12))):
        across, down = float(draw.uniform(0, WIDTH)) + 9 * moment, float(draw.uniform(HEIGHT * 0.32, HEIGHT - 18))
        pen.rectangle(
            (across, down, across + 5, down + 14), fill=((210, 40, 40), (240, 240, 240))[int(draw.integers(2))]
        )


def _product(pen: ImageDraw.ImageDraw, own: Draw, middle: tuple[float, float], size: float) -> None:
    across, down = middle
    tall = float(own.uniform(0.8, 1.7))
    box = (across - size * 0.6, down - size * tall * 0.6, across + size * 0.6, down + size * tall * 0.6)
    pen.rounded_rectangle(box, size * float(own.uniform(0.05, 0.4)), fill=colour(own, 0.9, 0.8))
    pen.rectangle((box[0], down - size * 0.2, box[2], down + size * 0.2), fill=colour(own, 0.3, 0.95))


def _caption(pen: ImageDraw.ImageDraw, channel: Channel, draw: Draw) -> None:
    top = HEIGHT - channel.strip - 14
    pen.rectangle((24, top, 230, top + channel.strip), fill=channel.colours[1])
    pen.rectangle((24, top, 30, top + channel.strip), fill=channel.colours[0])
    _text(pen, (36, top + 3), f"{word(draw).title()} {word(draw).title()}", channel.strip // 2, "white")


def _logo(pen: ImageDraw.ImageDraw, channel: Channel) -> None:
    wide = channel.size * len(channel.logo) * 0.75 + 6
    left = 10 if channel.corner % 2 == 0 else WIDTH - wide - 10
    top = 8 if channel.corner < 2 else HEIGHT - channel.size - 14
    if channel.boxed:
        pen.rectangle((left, top, left + wide, top + channel.size + 4), fill=channel.colours[0])
    _text(pen, (int(left) + 3, top), channel.logo, channel.size, "white" if channel.boxed else channel.colours[0])


def _text(
    pen: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    size: int,
    fill: str | Colour,
    edge: Colour | None = None,
) -> None:
    font = ImageFont.load_default(size)
    pen.text(place, text, fill=fill, font=font, stroke_width=1 if edge else 0, stroke_fill=edge)


def _finished(picture: Image.Image, draw: Draw) -> Image.Image:
    """As a camera sees it: not quite sharp, and with grain."""
    soft = picture.filter(ImageFilter.GaussianBlur(float(draw.uniform(0.3, 1.2))))
    grain = draw.normal(0, float(draw.uniform(2, 7)), (HEIGHT, WIDTH, 1))
    return Image.fromarray(np.asarray(np.clip(np.asarray(soft, np.float64) + grain, 0, 255), np.uint8))
