"""A small set of pictures that a program draws: discs and bars of any colour on any ground.

It shows the way from data to answers. What is measured on it says nothing about real pictures.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from pipit.files import write_atomically
from pipit.inputs import EncodedImage, Input

CLASSES = ("bar", "disc")
SIZE, PICTURES = 96, 40


def write_examples(folder: Path) -> None:
    """Writes `<class>/<number>.png`: 40 pictures of each class."""
    generator = np.random.default_rng(1)
    for label in CLASSES:
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(PICTURES):
            write_atomically(folder / label / f"{number:03d}.png", _drawn(label, generator))


def example_inputs(count: int, seed: int) -> Sequence[Input]:
    """`count` pictures of the classes in turn, as PNG. The same seed gives the same bytes."""
    generator = np.random.default_rng([2, seed])
    return [EncodedImage(_drawn(CLASSES[number % len(CLASSES)], generator)) for number in range(count)]


def _drawn(label: str, generator: np.random.Generator) -> bytes:
    ground, colour = generator.integers(0, 100, 3), generator.integers(150, 256, 3)
    grain = generator.integers(0, 40, (SIZE, SIZE, 3))
    picture = Image.fromarray((ground + grain).astype(np.uint8))
    across, down = generator.integers(SIZE // 3, 2 * SIZE // 3, 2).tolist()
    reach = int(generator.integers(SIZE // 8, SIZE // 4))
    draw = ImageDraw.Draw(picture)
    fill = tuple(colour.tolist())
    if label == "disc":
        draw.ellipse((across - reach, down - reach, across + reach, down + reach), fill=fill)
    else:
        draw.rectangle((0, down - reach // 3, SIZE, down + reach // 3), fill=fill)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
