"""Drawn prints of four animals that do not exist: for machines without photographs, to try the way, and golden inputs.

No class of it is a photograph, and no number measured on it says anything about real prints.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from pipit.errors import IntegrityError
from pipit.files import write_atomically
from pipit.inputs import EncodedImage, Input
from pipit.inputs.image import decode_image

from footprints.prints import PrintFinder

SIDE = 240
ANIMALS: dict[str, tuple[int, float, float, int]] = {
    "drawn_bird": (3, 1.15, 0.10, 190),
    "drawn_cat": (4, 0.75, 0.16, 70),
    "drawn_hoof": (2, 0.45, 0.30, 120),
    "drawn_weasel": (5, 0.95, 0.12, 230),
}
"""Toes, how far they lie from the heel, how thick they are (in halves of a print), and the ground's grey level."""
MOST_TRIES = 20
"""Pictures drawn for each golden one that is kept."""


def write_synthetic_set(folder: Path, pictures_per_class: int = 24, seed: int = 1) -> Path:
    """Writes `<class>/<number>.jpg` and a `SYNTHETIC.txt` to `folder`. The same seed gives the same pictures."""
    for position, animal in enumerate(sorted(ANIMALS)):
        (folder / animal).mkdir(parents=True, exist_ok=True)
        for number in range(pictures_per_class):
            pixels = draw_print(animal, np.random.default_rng([seed, position, number]))
            write_atomically(folder / animal / f"{number:03d}.jpg", encoded(pixels))
    write_atomically(folder / "SYNTHETIC.txt", b"Made by a program; not one of these pictures is a photograph.\n")
    return folder


def draw_print(animal: str, draw: np.random.Generator) -> NDArray[np.uint8]:
    """One print on grainy ground, somewhere in the picture, turned anyhow: RGB, uint8, (240, 240, 3)."""
    toes, reach, thickness, ground = ANIMALS[animal]
    canvas = Image.new("L", (SIDE, SIDE), 0)
    pen = ImageDraw.Draw(canvas)
    half = draw.uniform(0.28, 0.38) * SIDE
    across, down = SIDE / 2 + draw.uniform(-12, 12, 2)
    turn = draw.uniform(-math.pi, math.pi)
    _blob(pen, across, down, half * 0.4)
    for toe in range(toes):
        angle = turn + (toe - (toes - 1) / 2) * 1.9 / toes
        distance = half * reach
        _blob(pen, across + distance * math.cos(angle), down + distance * math.sin(angle), half * thickness * 1.4)
    shape = np.asarray(canvas.filter(ImageFilter.GaussianBlur(3)), np.float64)[..., np.newaxis] / 255
    coarse = Image.fromarray(draw.integers(0, 255, (20, 20), dtype=np.uint8)).resize((SIDE, SIDE))
    grain = (np.asarray(coarse, np.float64)[..., np.newaxis] - 127) * 0.2 + draw.normal(0, 8, (SIDE, SIDE, 3))
    picture = ground + grain - 55 * shape
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def encoded(pixels: NDArray[np.uint8], kind: str = "JPEG") -> bytes:
    """As a file. kind: a format that Pillow writes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def golden_inputs(count: int, seed: int, finder: PrintFinder | None = None) -> Sequence[Input]:
    """`count` pictures, in turn PNG and JPEG, so that no bundle carries somebody's photograph.

    They prove the device's arithmetic, all of it: file format, crop, networks. What they are named as matters as
    little. The same seed gives the same pictures.

    finder: leaves out those on which its detector is not certain; see `PrintFinder.is_certain`. Raises IntegrityError
    where it hardly ever is.
    """
    animals = sorted(ANIMALS)
    generator = np.random.default_rng([seed, 1_000])
    inputs: list[Input] = []
    for number in range(count * MOST_TRIES):
        kind = "JPEG" if len(inputs) % 2 else "PNG"
        drawn = EncodedImage(encoded(draw_print(animals[number % len(animals)], generator), kind))
        if finder is None or finder.is_certain(decode_image(drawn)):
            inputs.append(drawn)
        if len(inputs) == count:
            return inputs
    raise IntegrityError(
        f"the detector is certain of {len(inputs)} of {count * MOST_TRIES} drawn pictures, not of {count}; another "
        "processor might find other prints; train it longer, or choose another threshold"
    )


def _blob(pen: ImageDraw.ImageDraw, across: float, down: float, radius: float) -> None:
    pen.ellipse((across - radius, down - radius, across + radius, down + radius), fill=255)
