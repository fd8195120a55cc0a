"""DRAWN prints on drawn ground, with boxes: for machines without pictures, to try the way, and for golden samples.

A pad and four toes, darker than grainy ground. What is measured on them says nothing about tracks.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage, Input
from pipit.inputs.boxes import letterbox
from pipit.types import Box
from scipy import ndimage

from footprints.detector.data import DATA_FILE, SIDES, data_file, format_boxes
from footprints.detector.searching import LOWEST, exported_outputs, read_outputs
from footprints.prints import FinderSettings, Print

SIZE = 320
COUNTS = {"train": 48, "validation": 12, "test": 16}
_TOES = ((-0.62, -0.42), (-0.24, -0.85), (0.24, -0.85), (0.62, -0.42))
_PAD, _TOE = 0.5, 0.24
"""Of half the print's side."""
DRAWN = 64
"""Pictures that golden ones are chosen from."""


def draw(generator: np.random.Generator, prints: int) -> tuple[NDArray[np.uint8], tuple[Box, ...]]:
    """A picture of `SIZE` x `SIZE`, RGB, uint8, with at most so many prints, and their boxes."""
    grain = ndimage.gaussian_filter(generator.normal(0, 1, (SIZE, SIZE)), generator.uniform(0.7, 2.0))
    light = generator.uniform(110, 190) + grain / grain.std() * generator.uniform(4, 10)
    dark = np.zeros((SIZE, SIZE))
    boxes: list[Box] = []
    for _ in range(prints):
        half = generator.uniform(0.1, 0.2) * SIZE
        x, y = generator.uniform(half, SIZE - half, 2)
        box = Box(x - half, y - half, 2 * half, 2 * half)
        if all(abs(x - b.left - b.width / 2) > half + b.width / 2 for b in boxes):
            dark = np.maximum(dark, _paw(x, y, half))
            boxes.append(box)
    colour = np.array([1.0, 0.9, 0.75]) * generator.uniform(0.9, 1.1, 3)
    scene = (light * (1 - 0.55 * ndimage.gaussian_filter(dark, 1.0)))[..., np.newaxis] * colour
    return np.clip(scene, 0, 255).astype(np.uint8), tuple(boxes)


def draw_png(generator: np.random.Generator, prints: int) -> bytes:
    """The same, as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(draw(generator, prints)[0]).save(buffer, "PNG")
    return buffer.getvalue()


def write_synthetic_set(folder: Path) -> None:
    """Writes the set in YOLO's layout."""
    generator = np.random.default_rng(1)
    for side, count in COUNTS.items():
        images, labels = folder / "images" / SIDES[side], folder / "labels" / SIDES[side]
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for index in range(count):
            pixels, boxes = draw(generator, index % 4)
            Image.fromarray(pixels).save(images / f"{index:03d}.jpg", quality=90)
            (labels / f"{index:03d}.txt").write_text(format_boxes(boxes, SIZE, SIZE), encoding="utf-8")
    (folder / DATA_FILE).write_bytes(data_file())


def golden_inputs(networks: Sequence[Path], settings: FinderSettings, count: int, seed: int) -> list[Input]:
    """Drawn pictures in which prints are found, none of them near the threshold: another processor finds as many.

    networks: of every variant. Raises InvalidInput where one finds none in any.
    """
    prints = [1 + number % 3 for number in range(DRAWN)]
    drawn = [draw(np.random.default_rng((seed, number)), prints[number])[0] for number in range(DRAWN)]
    boxed = [letterbox(pixels, settings.size) for pixels in drawn]
    squares = np.stack([np.rint(values * 255).astype(np.uint8) for values, _ in boxed])
    low = FinderSettings(settings.size, min(LOWEST, settings.threshold), settings.overlap, settings.most)
    placements = [placement for _, placement in boxed]
    found = [read_outputs(exported_outputs(network, squares), placements, low) for network in networks]
    clear = {
        number: min(_distance(one, settings.threshold) for one in several)
        for number, several in enumerate(zip(*found, strict=True))
        if all(_finds(one, settings.threshold) for one in several)
    }
    if not clear:
        raise InvalidInput("the detector finds nothing in any drawn print; train it longer")
    chosen = sorted(clear, key=lambda number: -clear[number])[:count]
    return [EncodedImage(draw_png(np.random.default_rng((seed, number)), prints[number])) for number in sorted(chosen)]


def _paw(x: float, y: float, half: float) -> NDArray[np.float64]:
    """1 where the print is pressed in."""
    down, across = np.mgrid[0:SIZE, 0:SIZE]
    paw = np.zeros((SIZE, SIZE))
    parts = [(0.0, 0.4, _PAD * 1.2, _PAD), *((dx, dy, _TOE * 0.8, _TOE) for dx, dy in _TOES)]
    for dx, dy, wide, high in parts:
        distance = ((across - x - dx * half) / (wide * half)) ** 2 + (
            (down - y - dy * half * 0.85) / (high * half)
        ) ** 2
        paw[distance <= 1] = 1.0
    return paw


def _finds(prints: tuple[Print, ...], threshold: float) -> bool:
    return any(one.score > threshold for one in prints)


def _distance(prints: tuple[Print, ...], threshold: float) -> float:
    """Of the score that comes nearest to the threshold, in shares of it."""
    return min(abs(one.score - threshold) for one in prints) / threshold
