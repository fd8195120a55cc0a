"""What a made-up channel looks and sounds like, and words and colours that mean nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[int, int, int]
Draw = np.random.Generator
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
class Letters:
    """How somebody's letters are made from the one font that is there.

    width: times as wide. slant: pixels to the right for each pixel up. weight: pixels of a stroke around them.
    """

    width: float
    slant: float
    weight: int
    capitals: bool


@dataclass(frozen=True, slots=True)
class Channel:
    """number: of its seed. logo: letters. corner: 0 to 3. size: of the logo, pixels. strip: height of captions, pixels.

    shape: of what the logo stands on. opacity: of the logo, 0..1. black: seconds of darkness and silence between spots.
    level: of its sound, dB above that of others. promotes: how likely a break begins or ends with a promotion.
    """

    number: int
    logo: str
    corner: int
    size: int
    colours: tuple[Colour, Colour]
    strip: int
    shape: str
    opacity: float
    letters: Letters
    black: float
    level: float
    promotes: float


def make_channel(number: int) -> Channel:
    """The same number gives the same channel."""
    draw = np.random.default_rng([number, 1])
    return Channel(
        number=number,
        logo="".join(chr(65 + int(code)) for code in draw.integers(0, 26, int(draw.integers(2, 4)))),
        corner=int(draw.integers(4)),
        size=int(draw.integers(12, 19)),
        colours=(colour(draw, 0.8, 0.9), colour(draw, 0.6, 0.4)),
        strip=int(draw.integers(18, 34)),
        shape=str(draw.choice(["none", "box", "disc"])),
        opacity=float(draw.uniform(0.55, 1.0)),
        letters=make_letters(draw),
        black=float(draw.choice([0.0, 0.0, 0.25, 0.5])),
        level=float(draw.normal(0, 2)),
        promotes=float(draw.uniform(0.4, 1.0)),
    )


def make_letters(draw: Draw) -> Letters:
    """Of a channel or a brand."""
    return Letters(
        float(draw.uniform(0.75, 1.35)), float(draw.choice([0.0, 0.0, 0.2])), int(draw.integers(0, 2)),
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
