"""Frames of channels that never were: programmes, spots and promotions, drawn by numbers.

Every channel has its own logo, colours and letters, every programme its own set and people, every brand its own
colours, letters and product. So that no single sign tells: some content is as bright as a spot and some spots are as
calm as a film, promotions bear the channel's logo, and some content bears none.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

from ad_detection.channels.lettering import PLAIN, width_of, write
from ad_detection.channels.looks import Channel, colour, make_letters, word
from ad_detection.channels.scenes import HEIGHT, WIDTH, Pixels, draw_product, filmed, make_scene, with_grain

KINDS = ("studio", "pitch", "film", "street")
"""Of programmes."""
CALM = 0.3
"""Of brands, the share whose spots look and sound like a film."""


def kind_of(programme: int) -> str:
    """One of KINDS. programme: the seed of its pictures."""
    return KINDS[(programme // 1000 + programme) % len(KINDS)]


def is_calm(brand: int) -> bool:
    """Whether its spots look and sound like a film."""
    return bool(np.random.default_rng([brand, 5]).random() < CALM)


def content_frame(
    channel: Channel, programme: int, shot: int, moment: float, *, logo: bool, captions: bool = True
) -> Pixels:
    """A frame of a programme. moment: seconds into the shot. Gives RGB, uint8, (180, 320, 3)."""
    own, draw = np.random.default_rng([programme, 2]), np.random.default_rng([programme, shot, 3])
    kind = kind_of(programme)
    saturation, value = float(own.uniform(0.15, 0.75)), float(own.uniform(0.3, 0.7))
    scene = make_scene((programme, shot, 30), saturation, value, (1, 4), kind == "pitch")
    picture = Image.fromarray(with_grain(filmed(scene, moment), scene.grain, shot * 7 + int(moment * 5)))
    if captions and kind == "pitch":
        ImageDraw.Draw(picture).rectangle((8, 8, 92, 24), fill=channel.colours[1])
        score = f"{word(own, 1, 1).upper()} {shot % 4}:{shot % 3} {word(own, 1, 1).upper()}"
        write(picture, (12, 9), score, 10, "white")
    elif captions and draw.random() < (0.5 if kind == "studio" else 0.1):
        _caption(picture, channel, f"{word(draw).title()} {word(draw).title()}")
    # A title of the programme itself bears no logo.
    if logo and np.random.default_rng([programme, shot // 8, 4]).random() > 0.05:
        _logo(picture, channel)
    return np.asarray(picture)


def spot_frame(brand: int, shot: int, moment: float, *, last: bool) -> Pixels:
    """A frame of a spot. last: the shot that shows the product and its name."""
    own, draw = np.random.default_rng([brand, 50]), np.random.default_rng([brand, shot, 6])
    calm = is_calm(brand)
    name, tint, letters = word(own), colour(own, 0.4 if calm else 0.9, 0.8), make_letters(own)
    saturation = 0.35 if calm else 0.8
    if last:
        picture = Image.new("RGB", (WIDTH, HEIGHT), tint if own.random() < 0.5 else (245, 245, 245))
        draw_product(picture, np.random.default_rng([brand, 7]), (WIDTH * 0.32, HEIGHT * 0.52), 42 + 2 * moment)
        write(picture, (150, 48), name, 30, "black" if sum(tint) > 380 else "white", letters, tint)
        write(picture, (160, 98), word(own, 2, 2) + " " + word(own, 2, 3), 14, "black", letters)
        if own.random() < 0.4:
            ImageDraw.Draw(picture).ellipse((238, 110, 306, 170), fill=colour(own, 0.9, 0.9))
            write(picture, (248, 128), f"{own.integers(1, 99)}.99", 18, "white")
        return with_grain(picture, 2.0, shot + int(moment * 5))
    scene = make_scene((brand, shot, 31), saturation, float(draw.uniform(0.45, 0.9)), (0, 3), pitch=False)
    picture = filmed(scene, moment)
    if draw.random() < 0.5:
        place = (float(draw.uniform(80, 240)), 100.0)
        draw_product(picture, np.random.default_rng([brand, 7]), place, 22 + 3 * moment)
    picture = Image.fromarray(with_grain(picture, scene.grain, shot * 5 + int(moment * 5)))
    if draw.random() < 0.4:
        place_ = (int(draw.integers(20, 120)), int(draw.integers(30, 130)))
        write(picture, place_, word(draw, 2, 4), 24, "white", letters, tint)
    if draw.random() < 0.3:
        write(picture, (10, HEIGHT - 14), " ".join(word(draw) for _ in range(9)), 8, "white")
    return np.asarray(picture)


def promotion_frame(channel: Channel, programme: int, shot: int, moment: float, *, logo: bool) -> Pixels:
    """A frame of the channel's own advertisement for a programme: its pictures, its logo, and when it is shown."""
    picture = Image.fromarray(content_frame(channel, programme, shot, moment, logo=logo, captions=False))
    own = np.random.default_rng([programme, 8])
    ImageDraw.Draw(picture).rectangle((0, HEIGHT * 0.6, WIDTH, HEIGHT * 0.9), fill=channel.colours[0])
    write(picture, (20, int(HEIGHT * 0.64)), word(own, 2, 4), 20, "white", channel.letters)
    when = f"{word(own, 2, 2)} {own.integers(18, 23)}:{own.integers(1, 6)}0"
    write(picture, (20, int(HEIGHT * 0.78)), when, 12, "white", channel.letters)
    return np.asarray(picture)


def sponsor_frame(channel: Channel, programme: int, shot: int, moment: float, brand: int, *, logo: bool) -> Pixels:
    """The programme goes on, with the name and the product of whoever pays for it at the bottom."""
    picture = Image.fromarray(content_frame(channel, programme, shot, moment, logo=logo, captions=False))
    own = np.random.default_rng([brand, 50])
    name, tint = word(own), colour(own, 0.4 if is_calm(brand) else 0.9, 0.8)
    ImageDraw.Draw(picture).rectangle((40, HEIGHT - 52, WIDTH - 40, HEIGHT - 16), fill=tint)
    draw_product(picture, np.random.default_rng([brand, 7]), (62.0, HEIGHT - 34.0), 14)
    write(picture, (90, HEIGHT - 46), name, 20, "white", make_letters(own), (20, 20, 20))
    return np.asarray(picture)


def beside_frame(programme: Pixels, spot: Pixels, colours: tuple[tuple[int, int, int], ...]) -> Pixels:
    """A spot beside the programme, which goes on in a smaller window."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), colours[1])
    picture.paste(Image.fromarray(programme).resize((128, 72)), (8, 54))
    picture.paste(Image.fromarray(spot).resize((168, 95)), (144, 42))
    return np.asarray(picture)


def encoded(pixels: Pixels, kind: str = "JPEG") -> bytes:
    """As a file. kind: a format that Pillow writes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, quality=85)
    return buffer.getvalue()


def _caption(picture: Image.Image, channel: Channel, text: str) -> None:
    pen = ImageDraw.Draw(picture)
    top = HEIGHT - channel.strip - 14
    pen.rectangle((24, top, 230, top + channel.strip), fill=channel.colours[1])
    pen.rectangle((24, top, 30, top + channel.strip), fill=channel.colours[0])
    write(picture, (36, top + 3), text, channel.strip // 2, "white", channel.letters)


def _logo(picture: Image.Image, channel: Channel) -> None:
    letters = channel.letters if channel.letters.width > 1 else PLAIN
    wide = width_of(channel.logo, channel.size, letters) + 4
    left = 10 if channel.corner % 2 == 0 else WIDTH - wide - 10
    top = 8 if channel.corner < 2 else HEIGHT - channel.size - 14
    on_shape = channel.shape != "none"
    if on_shape:
        mask = Image.new("L", (wide + 2, channel.size + 6))
        pen, level = ImageDraw.Draw(mask), int(255 * channel.opacity)
        (pen.rectangle if channel.shape == "box" else pen.ellipse)((0, 0, wide, channel.size + 4), fill=level)
        picture.paste(channel.colours[0], (left - 2, top), mask)
    tint = "white" if on_shape else channel.colours[0]
    write(picture, (left, top), channel.logo, channel.size, tint, letters, opacity=channel.opacity)
