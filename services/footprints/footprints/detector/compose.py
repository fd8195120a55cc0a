"""One training scene: prints cut from photographs, pressed into ground that was quilted from others.

    ground ─ quilted, turned, shaded ──────────────┐
    print  ─ its relief: colour over ground's level ┴─ ground's level x relief, where the print is; feathered ─ scene

A print's relief goes along, its ground does not: in snow it is a blue hollow, in mud a brown one. Things (rulers,
hands, leaves) are pasted as they are and have no box: what stands out need not be a print.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pipit.types import Box
from scipy import ndimage

from footprints.detector.quilting import quilt

Pixels = NDArray[np.uint8]
_Floats = NDArray[np.float32]
T = TypeVar("T")

MARGIN = 14
"""Pixels of its photograph around a patch; its ground's level is read there."""
SHAPES = ((240, 320), (320, 240), (320, 320), (320, 427))
"""Heights and widths of scenes."""
GROUNDS_TRIED = 4
"""Of so many grounds the one as rough as the print's own is taken."""
FEATHER = 3.0
"""Standard deviation of a print's edge, pixels of its photograph."""
MOST_ENLARGED = 2.6
LEAST_SHARE, MOST_SHARE = 0.15, 0.85
"""Longer side of a print, in shorter sides of the scene."""
MOST_COVERED = 0.15
"""Of a print's box, by another print or thing."""
PRINTS_OF_A_SCENE = ((0, 0.12), (1, 0.43), (2, 0.2), (3, 0.15), (4, 0.1))
"""Number of prints, and how often."""
THINGS = 0.35
"""How often a scene has a thing in it."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A print or a thing. pixels: RGB with `MARGIN` around; mask: the same height and width; source: its photograph."""

    pixels: Pixels
    mask: NDArray[np.bool_]
    source: str


@dataclass(frozen=True, slots=True)
class Ground:
    """Bare ground. roughness: standard deviation of its fine brightness."""

    pixels: Pixels
    roughness: float
    source: str


@dataclass(frozen=True, slots=True)
class Material:
    """What scenes of one side are made of."""

    prints: list[Patch]
    things: list[Patch]
    grounds: list[Ground]


@dataclass(frozen=True, slots=True)
class Scene:
    """jpeg: the picture. size: width and height. boxes: of its prints.

    source: photograph of the prints; of the ground, where there are none.
    """

    jpeg: bytes
    size: tuple[int, int]
    boxes: tuple[Box, ...]
    source: str


def compose(material: Material, generator: np.random.Generator) -> Scene:
    """The prints of a scene come from one photograph, as one animal leaves them."""
    height, width = SHAPES[int(generator.integers(len(SHAPES)))]
    numbers, weights = zip(*PRINTS_OF_A_SCENE, strict=True)
    wanted = int(generator.choice(numbers, p=weights))
    patch = _any(material.prints, generator)
    ground = _ground(material.grounds, roughness(patch.pixels) if wanted else None, generator)
    scene = _lay(ground, height, width, generator)
    taken: list[Box] = []
    if material.things and generator.random() < THINGS:
        _paste_thing(scene, _any(material.things, generator), taken, generator)
    things = len(taken)
    same = [other for other in material.prints if other.source == patch.source]
    for side in _sides(patch, wanted, min(height, width), generator):
        _press(scene, _any(same, generator), side, taken, generator)
    boxes = tuple(taken[things:])
    return Scene(_finish(scene, generator), (width, height), boxes, patch.source if boxes else ground.source)


def _any(choices: Sequence[T], generator: np.random.Generator) -> T:
    return choices[int(generator.integers(len(choices)))]


def roughness(pixels: Pixels) -> float:
    """Of a ground, or the ground around a patch: standard deviation of its fine brightness."""
    grey = pixels.astype(np.float32).mean(axis=2)
    fine = np.abs(grey - ndimage.gaussian_filter(grey, 3.0))
    return float(np.median(fine)) * 1.48


def _ground(grounds: Sequence[Ground], wanted: float | None, generator: np.random.Generator) -> Ground:
    tried = [_any(grounds, generator) for _ in range(GROUNDS_TRIED)]
    return tried[0] if wanted is None else min(tried, key=lambda ground: abs(ground.roughness - wanted))


def _lay(ground: Ground, height: int, width: int, generator: np.random.Generator) -> _Floats:
    """Quilted at the photograph's scale or up to twice it, turned, with a slope of light over it."""
    enlarged = float(generator.uniform(1.0, 2.0))
    sample = np.ascontiguousarray(np.rot90(ground.pixels, int(generator.integers(4))))
    block = min(int(generator.integers(30, 48)), min(sample.shape[:2]) - 8)
    small = quilt(sample, math.ceil(height / enlarged), math.ceil(width / enlarged), block, generator)
    scene = np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC), np.float32)
    angle, strength = generator.uniform(0, 2 * np.pi), generator.uniform(0, 0.18)
    across, down = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    slope = 1 + strength * (np.cos(angle) * across + np.sin(angle) * down)
    lit: _Floats = scene * slope.astype(np.float32)[..., np.newaxis]
    return lit


def _sides(patch: Patch, wanted: int, shorter: int, generator: np.random.Generator) -> list[float]:
    """Longer sides of the prints of a scene, pixels: about the same."""
    most = min(MOST_SHARE if wanted == 1 else 0.9 / math.sqrt(max(wanted, 1)), MOST_SHARE) * shorter
    longer = max(patch.mask.shape) - 2 * MARGIN
    most = max(min(most, MOST_ENLARGED * longer), LEAST_SHARE * shorter)
    side = generator.uniform(LEAST_SHARE * shorter, most)
    return [side * generator.uniform(0.85, 1.15) for _ in range(wanted)]


def _press(scene: _Floats, patch: Patch, side: float, taken: list[Box], generator: np.random.Generator) -> None:
    """Adds a print where there is room, and its box to `taken`."""
    relief, alpha = _turned(_relief(patch.pixels), _soft(patch.mask), side, generator)
    box = _bounds(alpha)
    place = _place(scene.shape, alpha.shape, box, taken, generator)
    if place is None:
        return
    top, left = place
    rows, columns = slice(top, top + alpha.shape[0]), slice(left, left + alpha.shape[1])
    ground = scene[rows, columns]
    level = ndimage.gaussian_filter(ground, (5, 5, 0))
    # Part of the ground's own grain stays: without it a print from snow lies in sand like a coin.
    grain = (np.maximum(ground, 1) / np.maximum(level, 1)) ** generator.uniform(0.3, 0.8)
    pressed = level * grain * relief ** generator.uniform(0.75, 1.3)
    scene[rows, columns] = ground + alpha[..., np.newaxis] * (pressed - ground)
    taken.append(Box(left + box.left, top + box.top, box.width, box.height))


def _relief(pixels: Pixels) -> _Floats:
    """Colour over the level of the ground around, which is a plane fitted to the margin. About 1 where it is ground."""
    height, width, _ = pixels.shape
    down, across = np.mgrid[0:height, 0:width]
    edge = np.ones((height, width), bool)
    edge[MARGIN // 2 : -(MARGIN // 2), MARGIN // 2 : -(MARGIN // 2)] = False
    basis = np.stack([np.ones_like(across), across, down], axis=-1).astype(np.float64)
    values = pixels.astype(np.float64)
    plane, *_ = np.linalg.lstsq(basis[edge], values[edge], rcond=None)
    level = np.maximum(basis @ plane, 16.0)
    return np.clip(values / level, 0.15, 2.5).astype(np.float32)


def _soft(mask: NDArray[np.bool_]) -> _Floats:
    wider = ndimage.binary_dilation(mask, iterations=2)
    soft: _Floats = ndimage.gaussian_filter(wider.astype(np.float32), FEATHER)
    return soft


def _turned(values: _Floats, alpha: _Floats, side: float, generator: np.random.Generator) -> tuple[_Floats, _Floats]:
    """Mirrored half the time, turned by any angle and scaled so that the longer side of what is seen is `side`."""
    if generator.random() < 0.5:
        values, alpha = values[:, ::-1], alpha[:, ::-1]
    angle = float(generator.uniform(0, 360))
    longer = max(_bounds(alpha).width, _bounds(alpha).height)
    scale = side / longer
    layers = [*np.moveaxis(values, 2, 0), alpha]
    fills = [1.0 if layer is not alpha else 0.0 for layer in layers]
    size = (max(round(alpha.shape[1] * scale), 4), max(round(alpha.shape[0] * scale), 4))
    turned = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(layer))
            .resize(size, Image.Resampling.BICUBIC)
            .rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=fill)
        )
        for layer, fill in zip(layers, fills, strict=True)
    ]
    return np.clip(np.stack(turned[:-1], axis=2), 0.1, 3.0), np.clip(turned[-1], 0.0, 1.0)


def _bounds(alpha: _Floats) -> Box:
    """Of what is more than half there."""
    rows, columns = np.nonzero((alpha > 0.5).any(axis=1))[0], np.nonzero((alpha > 0.5).any(axis=0))[0]
    if not len(rows):
        return Box(0.0, 0.0, float(alpha.shape[1]), float(alpha.shape[0]))
    return Box(float(columns[0]), float(rows[0]), float(np.ptp(columns) + 1), float(np.ptp(rows) + 1))


def _place(
    shape: tuple[int, ...], size: tuple[int, ...], box: Box, taken: Sequence[Box], generator: np.random.Generator
) -> tuple[int, int] | None:
    """Upper left corner of a patch, so that it covers next to nothing of the others; None where it does not fit."""
    free_down, free_across = shape[0] - size[0], shape[1] - size[1]
    if free_down < 0 or free_across < 0:
        return None
    for _ in range(20):
        top, left = int(generator.integers(free_down + 1)), int(generator.integers(free_across + 1))
        moved = Box(left + box.left, top + box.top, box.width, box.height)
        if all(_shared(moved, other) <= MOST_COVERED * _area(moved) for other in taken):
            return top, left
    return None


def _paste_thing(scene: _Floats, patch: Patch, taken: list[Box], generator: np.random.Generator) -> None:
    side = float(generator.uniform(0.15, 0.5)) * min(scene.shape[:2])
    pixels, alpha = _turned(patch.pixels.astype(np.float32) / np.float32(255), _soft(patch.mask), side, generator)
    box = _bounds(alpha)
    place = _place(scene.shape, alpha.shape, box, taken, generator)
    if place is None:
        return
    top, left = place
    ground = scene[top : top + alpha.shape[0], left : left + alpha.shape[1]]
    ground += alpha[..., np.newaxis] * (pixels * 255 - ground)
    taken.append(Box(left + box.left, top + box.top, box.width, box.height))


def _finish(scene: _Floats, generator: np.random.Generator) -> bytes:
    """Exposure, grain and blur of the whole, so that nothing pasted is told by these; then a JPEG."""
    whole = scene * generator.uniform(0.8, 1.2)
    if generator.random() < 0.5:
        whole = ndimage.gaussian_filter(whole, (*(generator.uniform(0.3, 1.2),) * 2, 0))
    whole = whole + generator.normal(0, generator.uniform(0.5, 4), whole.shape[:2])[..., np.newaxis]
    buffer = io.BytesIO()
    quality = int(generator.integers(70, 95))
    Image.fromarray(np.clip(whole, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _area(box: Box) -> float:
    return box.width * box.height


def _shared(one: Box, other: Box) -> float:
    across = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    down = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    return max(across, 0.0) * max(down, 0.0)
