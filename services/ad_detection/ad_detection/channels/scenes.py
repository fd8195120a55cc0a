"""What a shot shows behind all letters: a place, people, a pitch, a product. Drawn once, filmed by a moving camera."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from ad_detection.channels.looks import Draw, colour

WIDTH, HEIGHT = 320, 180
ROOM = 40
"""Pixels by which a place is wider than a picture, on each side."""
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """place: RGB, wider than a picture. people: RGBA, before it. pan: pixels a second. grain: of the camera's noise."""

    place: Image.Image
    people: Image.Image | None
    pan: float
    grain: float


@lru_cache(maxsize=4)
def make_scene(seed: tuple[int, ...], saturation: float, value: float, people: tuple[int, int], pitch: bool) -> Scene:
    """people: how many at least, and fewer than how many. The same arguments give the same scene."""
    draw = np.random.default_rng(seed)
    blur = ImageFilter.GaussianBlur(float(draw.uniform(0.3, 1.2)))
    place = _place(draw, saturation, value)
    before = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0))
    pen = ImageDraw.Draw(before)
    if pitch:
        _pitch(ImageDraw.Draw(place), pen, draw)
    number = 0 if pitch else int(draw.integers(*people))
    for _ in range(number):
        _person(pen, draw, saturation)
    shown = before.filter(blur) if number or pitch else None
    return Scene(place.filter(blur), shown, float(draw.normal(0, 6)), float(draw.uniform(2, 7)))


def filmed(scene: Scene, moment: float) -> Image.Image:
    """moment: seconds into the shot. RGB, 320 x 180."""
    left = ROOM + max(-ROOM, min(ROOM, round(scene.pan * (moment - 2))))
    picture = scene.place.crop((left, 0, left + WIDTH, HEIGHT))
    if scene.people is not None:
        sway = round(3 * math.sin(1.3 * moment + scene.grain))
        picture.paste(scene.people, (sway, 0), scene.people)
    return picture


def with_grain(picture: Image.Image, amount: float, number: int) -> Pixels:
    """Noise of a camera. amount: its standard deviation in steps of 255. number: says which noise."""
    noise = _noise()[number % len(_noise())] * np.float32(amount)
    return np.asarray(np.clip(np.asarray(picture) + noise.astype(np.int16), 0, 255), np.uint8)


def draw_product(picture: Image.Image, own: Draw, middle: tuple[float, float], size: float) -> None:
    """A box or bottle with a band. own: of the brand, so that it always looks the same. size: pixels."""
    pen = ImageDraw.Draw(picture)
    across, down = middle
    tall = float(own.uniform(0.8, 1.7))
    box = (across - size * 0.6, down - size * tall * 0.6, across + size * 0.6, down + size * tall * 0.6)
    pen.rounded_rectangle(box, size * float(own.uniform(0.05, 0.4)), fill=colour(own, 0.9, 0.8))
    pen.rectangle((box[0], down - size * 0.2, box[2], down + size * 0.2), fill=colour(own, 0.3, 0.95))


def _place(draw: Draw, saturation: float, value: float) -> Image.Image:
    """Two colours that run into each other, and things before them."""
    wide = WIDTH + 2 * ROOM
    one, other = (np.array(colour(draw, saturation, value * part), np.float32) for part in (1.0, 0.5))
    angle = float(draw.uniform(0, 2 * math.pi))
    down, across = np.mgrid[0:HEIGHT, 0:wide].astype(np.float32) / HEIGHT
    share = np.clip(0.5 + (across - 1.1) * math.cos(angle) * 0.5 + (down - 0.5) * math.sin(angle), 0, 1)[..., None]
    picture = Image.fromarray(np.asarray(one * share + other * (1 - share), np.uint8))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(draw.integers(2, 8))):
        left, top = float(draw.uniform(-40, wide)), float(draw.uniform(-20, HEIGHT))
        across_, down_ = draw.uniform(15, 110, 2).tolist()
        shape = pen.rectangle if draw.random() < 0.6 else pen.ellipse
        tint = colour(draw, saturation, value * float(draw.uniform(0.5, 1.4)))
        shape((left, top, left + across_, top + down_), fill=tint)
    return picture


def _person(pen: ImageDraw.ImageDraw, draw: Draw, saturation: float) -> None:
    across = float(draw.uniform(40, WIDTH - 40))
    head = float(draw.uniform(12, 34))
    top = float(draw.uniform(20, 70))
    skin = tuple(int(part * draw.uniform(0.8, 1.0)) for part in ((224, 178, 150), (150, 100, 70))[draw.random() < 0.4])
    body = (across - 2 * head, top + 1.8 * head, across + 2 * head, top + 9 * head)
    pen.ellipse(body, fill=colour(draw, saturation, 0.5))
    pen.ellipse((across - 0.8 * head, top, across + 0.8 * head, top + 2.1 * head), fill=skin)
    hair = (across - 0.9 * head, top - 3, across + 0.9 * head, top + 2 * head)
    pen.pieslice(hair, 180, 360, fill=colour(draw, 0.4, 0.2))


def _pitch(ground: ImageDraw.ImageDraw, pen: ImageDraw.ImageDraw, draw: Draw) -> None:
    grass = (60, 130 + int(draw.integers(-25, 26)), 55)
    ground.rectangle((0, HEIGHT * 0.3, WIDTH + 2 * ROOM, HEIGHT), fill=grass)
    for _ in range(int(draw.integers(5, 12))):
        across, down = float(draw.uniform(0, WIDTH)), float(draw.uniform(HEIGHT * 0.32, HEIGHT - 18))
        shirt = ((210, 40, 40), (240, 240, 240))[int(draw.integers(2))]
        pen.rectangle((across, down, across + 5, down + 14), fill=shirt)


@lru_cache(maxsize=1)
def _noise() -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(0, 1, (16, HEIGHT, WIDTH, 1)).astype(np.float32)
