"""DRAWN faces of people who do not exist: for machines without pictures, to try the way, and for golden samples.

Networks that find real faces find these. What is measured on them says nothing about people.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from pipit.files import write_atomically
from pipit.inputs import EncodedImage, Input

KNOWN, STRANGERS = "known", "unknown"
PEOPLE, EACH = 24, 6
OTHERS, EACH_OTHER = 60, 2
SIZE = 300
"""Pixels a side."""
_FINER = 2
"""Pictures are drawn larger by this, for smooth edges."""
_SKIN = np.array([225.0, 180.0, 150.0])
_PAINTED = (
    (-0.5, 0.3),
    (0.5, 0.3),
    (-0.35, 0.75),
    (0.35, 0.75),
    (0.0, -0.5),
    (-0.45, -0.48),
    (0.45, -0.48),
    (0.0, 0.8),
)
"""Cheeks, chin and forehead: where people of this set may be painted, so that grey levels tell them apart."""
_WHITE, _BLACK = (240, 238, 235), (12, 12, 12)
Colour = tuple[int, ...]
Pixels = NDArray[np.uint8]


def _colour(values: NDArray[Any]) -> Colour:
    return tuple(int(value) for value in np.clip(np.asarray(values), 0, 255))


class _Looks:
    """What one person looks like in every picture. Lengths in halves of the face's width and height."""

    def __init__(self, person: int) -> None:
        draw = np.random.default_rng([5, person])
        tint = np.array([1.0, draw.uniform(0.9, 1.05), draw.uniform(0.85, 1.1)])
        self.skin = _SKIN * draw.uniform(0.45, 1.08) * tint
        self.hair = draw.uniform(15, 190) * np.array([1.0, draw.uniform(0.6, 0.95), draw.uniform(0.3, 0.9)])
        self.iris = _colour(draw.integers(20, 150, 3))
        self.clothes = _colour(draw.integers(30, 220, 3))
        self.width, self.height = draw.uniform(0.36, 0.43), draw.uniform(0.5, 0.58)
        self.hair_width, self.hair_height = draw.uniform(1.18, 1.28), draw.uniform(1.0, 1.12)
        self.fringe = draw.random() < 0.6
        self.eye_x, self.eye_y = draw.uniform(0.36, 0.44), draw.uniform(-0.15, -0.09)
        self.eye = draw.uniform(0.15, 0.19)
        self.brow_y, self.brow = self.eye_y - draw.uniform(0.2, 0.24), draw.uniform(0.03, 0.06)
        self.nose_width, self.nose_y = draw.uniform(0.14, 0.22), draw.uniform(0.24, 0.34)
        self.mouth_width, self.mouth_y = draw.uniform(0.3, 0.42), draw.uniform(0.52, 0.6)
        self.lips = draw.uniform(0.05, 0.09)
        self.beard, self.glasses = draw.random() < 0.3, draw.random() < 0.25
        self.paint = [
            (x, y, draw.uniform(0.14, 0.22), draw.uniform(0.1, 0.16), draw.choice([0.3, 0.5, 1.5, 1.8]))
            for x, y in _PAINTED
            if draw.random() < 0.5
        ]

    def shade(self, by: float) -> Colour:
        """The skin, lighter or darker."""
        return _colour(self.skin * by)


class _Sheet:
    """Draws in halves of the face's width and height around its middle."""

    def __init__(self, picture: Image.Image, middle: tuple[float, float], half: tuple[float, float]) -> None:
        self._draw = ImageDraw.Draw(picture)
        self._middle, self._half = middle, half

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self._middle[0] + x * self._half[0], self._middle[1] + y * self._half[1]

    def ellipse(self, x: float, y: float, across: float, down: float, fill: Colour) -> None:
        self._draw.ellipse((*self.at(x - across, y - down), *self.at(x + across, y + down)), fill=fill)

    def ring(self, x: float, y: float, across: float, down: float, fill: Colour, width: float) -> None:
        box = (*self.at(x - across, y - down), *self.at(x + across, y + down))
        self._draw.ellipse(box, outline=fill, width=self._thick(width))

    def arc(self, x: float, y: float, across: float, down: float, turn: tuple[int, int], fill: Colour) -> None:
        box = (*self.at(x - across, y - down), *self.at(x + across, y + down))
        self._draw.arc(box, *turn, fill=fill, width=self._thick(0.02))

    def slice(self, y: float, across: float, down: float, turn: tuple[int, int], fill: Colour) -> None:
        self._draw.chord((*self.at(-across, y - down), *self.at(across, y + down)), *turn, fill=fill)

    def shape(self, points: Sequence[tuple[float, float]], fill: Colour) -> None:
        self._draw.polygon([self.at(*point) for point in points], fill=fill)

    def line(self, points: Sequence[tuple[float, float]], fill: Colour, width: float) -> None:
        self._draw.line([self.at(*point) for point in points], fill=fill, width=self._thick(width), joint="curve")

    def _thick(self, width: float) -> int:
        return max(1, int(width * self._half[1]))


def draw_face(person: int, generator: np.random.Generator, size: int = SIZE) -> Pixels:
    """One picture of `person`, RGB, uint8, (size, size, 3). The generator decides place, size, turn, light, ground."""
    looks, side = _Looks(person), size * _FINER
    picture = Image.new("RGB", (side, side), _colour(generator.integers(90, 200, 3)))
    face = side * generator.uniform(0.5, 0.62)
    middle = side * generator.uniform(0.45, 0.55), side * generator.uniform(0.46, 0.54)
    _paint(_Sheet(picture, middle, (face * looks.width, face * looks.height)), looks)
    ground = picture.getpixel((0, 0))
    picture = picture.rotate(generator.uniform(-12, 12), Image.Resampling.BICUBIC, center=middle, fillcolor=ground)
    picture = picture.filter(ImageFilter.GaussianBlur(0.8 * _FINER)).resize((size, size), Image.Resampling.LANCZOS)
    down, across = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    light = (
        generator.uniform(0.85, 1.1) + generator.uniform(-0.15, 0.15) * across + generator.uniform(-0.08, 0.08) * down
    )
    lit = np.asarray(picture, np.float32) * light[..., np.newaxis] + generator.normal(0.0, 3.0, (size, size, 3))
    drawn: Pixels = np.clip(lit, 0, 255).astype(np.uint8)
    return drawn


def write_synthetic_set(folder: Path) -> None:
    """Writes `known/person_NN/*.jpg` and `unknown/stranger_NN/*.jpg`. The same bytes each time."""
    generator = np.random.default_rng(1)
    people = [(f"{KNOWN}/person_{number:02d}", number, EACH) for number in range(PEOPLE)]
    people += [(f"{STRANGERS}/stranger_{number:02d}", PEOPLE + number, EACH_OTHER) for number in range(OTHERS)]
    for name, person, pictures in people:
        (folder / name).mkdir(parents=True)
        for number in range(pictures):
            write_atomically(folder / name / f"{number}.jpg", encoded(draw_face(person, generator), "JPEG").data)


def encoded(pixels: Pixels, form: str = "PNG") -> EncodedImage:
    """As a file; JPEG with quality 90."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **({"quality": 90} if form == "JPEG" else {}))
    return EncodedImage(buffer.getvalue())


def golden_inputs(count: int, seed: int) -> list[Input]:
    """Pictures of one drawn face each, and one of two; of nobody who is in the synthetic set."""
    generator = np.random.default_rng([3, seed])
    first = PEOPLE + OTHERS
    pictures = [draw_face(first + number, generator) for number in range(count + 1)]
    two = np.concatenate(pictures[-2:], axis=1)
    return [encoded(pixels) for pixels in (*pictures[: count - 1], two)]


def _paint(sheet: _Sheet, looks: _Looks) -> None:
    hair, dark_hair = _colour(looks.hair), _colour(looks.hair * 0.6)
    sheet.ellipse(0, -0.2, looks.hair_width, looks.hair_height, hair)
    sheet.shape([(-0.45, 0.6), (0.45, 0.6), (0.45, 1.6), (-0.45, 1.6)], looks.shade(0.75))
    sheet.ellipse(0, 2.1, 2.2, 0.9, looks.clothes)
    for x in (-1.0, 1.0):
        sheet.ellipse(x, 0, 0.12, 0.18, looks.shade(0.85))
    for across, down, by in ((1.0, 1.0, 0.92), (0.92, 0.95, 1.0)):
        sheet.ellipse(0, 0, across, down, looks.shade(by))
    sheet.ellipse(0, 0.1, 0.6, 0.6, looks.shade(1.04))
    if looks.fringe:
        sheet.slice(-0.35, 1.0, 0.7, (200, 340), hair)
    sheet.ellipse(0, -0.28, 0.8, 0.5, looks.shade(1.0))
    for x, y, across, down, by in looks.paint:
        sheet.ellipse(x, y, across, down, looks.shade(by))
    for side in (-1, 1):
        _paint_eye(sheet, looks, side, dark_hair)
    _paint_nose(sheet, looks)
    _paint_mouth(sheet, looks)
    if looks.beard:
        sheet.slice(0.56, 0.75, 0.46, (35, 145), _colour(looks.hair * 0.8))
    if looks.glasses:
        for side in (-1, 1):
            sheet.ring(side * looks.eye_x, looks.eye_y, 0.27, 0.2, (30, 30, 30), 0.03)
        inner = looks.eye_x - 0.27
        sheet.line([(-inner, looks.eye_y), (inner, looks.eye_y)], (30, 30, 30), 0.03)


def _paint_eye(sheet: _Sheet, looks: _Looks, side: int, brow: Colour) -> None:
    x, y, size = side * looks.eye_x, looks.eye_y, looks.eye
    sheet.ellipse(x, y, size * 1.35, size * 0.75, looks.shade(0.82))
    sheet.ellipse(x, y, size, size * 0.42, _WHITE)
    sheet.ellipse(x, y, size * 0.42, size * 0.4, looks.iris)
    sheet.ellipse(x, y, size * 0.2, size * 0.2, _BLACK)
    sheet.ellipse(x - 0.02, y - 0.03, 0.02, 0.015, (255, 255, 255))
    sheet.arc(x, y, size * 1.1, 0.11, (195, 345), (50, 35, 30))
    ends = [
        (x - side * size * 1.2, looks.brow_y + 0.02),
        (x, looks.brow_y - 0.03),
        (x + side * size * 1.3, looks.brow_y + 0.03),
    ]
    sheet.line(ends, brow, looks.brow)


def _paint_nose(sheet: _Sheet, looks: _Looks) -> None:
    width, y = looks.nose_width, looks.nose_y
    sheet.shape([(-0.06, -0.05), (0.06, -0.05), (width, y), (-width, y)], looks.shade(0.95))
    sheet.shape([(-0.02, -0.05), (0.05, -0.05), (width * 0.6, y), (-width * 0.2, y)], looks.shade(1.1))
    sheet.ellipse(0, y, width * 0.7, 0.06, looks.shade(1.02))
    for side in (-1, 1):
        sheet.ellipse(side * width * 0.55, y + 0.03, 0.05, 0.025, looks.shade(0.45))
    sheet.arc(0, y + 0.01, width, 0.07, (20, 160), looks.shade(0.7))


def _paint_mouth(sheet: _Sheet, looks: _Looks) -> None:
    width, y, lips = looks.mouth_width, looks.mouth_y, looks.lips
    red = looks.skin * np.array([0.85, 0.5, 0.5])
    upper = [(-width, y), (-0.1, y - lips), (0, y - lips * 0.7), (0.1, y - lips), (width, y), (0, y + lips * 1.3)]
    sheet.shape(upper, _colour(red))
    sheet.line([(-width, y), (0, y + 0.015), (width, y)], _colour(red * 0.5), 0.018)
