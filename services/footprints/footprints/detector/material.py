"""What scenes are made of, out of photographs: prints, things and bare ground."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image
from pipit.errors import InputTooLarge, InvalidInput
from pipit.training.by_input.pictures.listing import Picture, read_pixels
from pipit.training.progress import Progress
from pipit.types import Box

from footprints.detector.compose import MARGIN, Ground, Material, Patch, Pixels, roughness
from footprints.detector.cutouts import SHORTER_SIDE, Cutout, search
from footprints.detector.workers import start_workers


def read_material(
    pictures: Mapping[str, Sequence[Picture]], workers: int, progress: Progress
) -> tuple[dict[str, Material], tuple[str, ...]]:
    """Searches the photographs of each side. Gives its material, and a line for each file that is no picture."""
    material = {side: Material([], [], []) for side in pictures}
    problems: list[str] = []
    listed = [(side, picture) for side, several in pictures.items() for picture in several]
    with progress.track("searching photographs", len(listed)) as bar, start_workers(workers) as pool:
        found = pool.map(_read, [picture for _, picture in listed], chunksize=16)
        for (side, _), one in zip(listed, found, strict=True):
            bar.advance()
            if isinstance(one, str):
                problems.append(one)
                continue
            material[side].prints.extend(one.prints)
            material[side].things.extend(one.things)
            material[side].grounds.extend(one.grounds)
    return material, tuple(problems)


def bare_ground(pixels: Pixels) -> Pixels | None:
    """The largest bare square of a photograph, at the scale that it is searched at; None where there is none."""
    scaled = _scaled(pixels)
    ground = search(scaled).ground
    return None if ground is None else _square(scaled, ground)


def _read(picture: Picture) -> Material | str:
    """What one photograph gives; what is wrong with it where it can't be read."""
    try:
        pixels = _scaled(read_pixels(picture.path, SHORTER_SIDE))
    except (InvalidInput, InputTooLarge, OSError) as error:
        return f"{picture.path}: {error}"
    found = search(pixels)
    grounds = []
    if found.ground is not None:
        bare = _square(pixels, found.ground)
        grounds.append(Ground(bare, roughness(bare), picture.name))
    return Material(
        [_cut(pixels, cutout, picture.name) for cutout in found.prints],
        [_cut(pixels, cutout, picture.name) for cutout in found.things],
        grounds,
    )


def _scaled(pixels: Pixels) -> Pixels:
    height, width, _ = pixels.shape
    if min(height, width) == SHORTER_SIDE:
        return pixels
    scale = SHORTER_SIDE / min(height, width)
    size = (max(round(width * scale), SHORTER_SIDE), max(round(height * scale), SHORTER_SIDE))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def _square(pixels: Pixels, box: Box) -> Pixels:
    top, left, side = int(box.top), int(box.left), int(box.height)
    return pixels[top : top + side, left : left + side].copy()


def _cut(pixels: Pixels, cutout: Cutout, source: str) -> Patch:
    """With a margin, mirrored where the photograph ends."""
    wider = np.pad(pixels, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="reflect")
    top, left = int(cutout.box.top), int(cutout.box.left)
    height, width = (length + 2 * MARGIN for length in cutout.mask.shape)
    return Patch(wider[top : top + height, left : left + width].copy(), np.pad(cutout.mask, MARGIN), source)
