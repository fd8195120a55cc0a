"""What scenes are made of, out of photographs: prints, things and bare ground."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from PIL import Image
from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_image
from pipit.training.progress import Progress

from footprints.detector.compose import MARGIN, Ground, Material, Patch, Pixels, roughness
from footprints.detector.cutouts import SHORTER_SIDE, Cutout, search
from footprints.species.dataset import Picture


def read_material(pictures: Sequence[Picture], workers: int, progress: Progress) -> tuple[Material, tuple[str, ...]]:
    """Searches each photograph. Gives the material, and a line for each file that is no picture."""
    prints: list[Patch] = []
    things: list[Patch] = []
    grounds: list[Ground] = []
    problems: list[str] = []
    with (
        progress.track("searching photographs", len(pictures)) as bar,
        ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool,
    ):
        for found in pool.map(_read, pictures, chunksize=16):
            bar.advance()
            if isinstance(found, str):
                problems.append(found)
                continue
            prints += found.prints
            things += found.things
            grounds += found.grounds
    return Material(prints, things, grounds), tuple(problems)


def _read(picture: Picture) -> Material | str:
    """What one photograph gives; what is wrong with it where it can't be read."""
    try:
        pixels = _scaled(decode_image(EncodedImage(picture.path.read_bytes()), shorter_side=SHORTER_SIDE))
    except (InvalidInput, InputTooLarge, OSError) as error:
        return f"{picture.path}: {error}"
    found = search(pixels)
    grounds = []
    if found.ground is not None:
        top, left, side = int(found.ground.top), int(found.ground.left), int(found.ground.height)
        bare = pixels[top : top + side, left : left + side].copy()
        grounds.append(Ground(bare, roughness(bare), picture.name))
    return Material(
        tuple(_cut(pixels, cutout, picture.name) for cutout in found.prints),
        tuple(_cut(pixels, cutout, picture.name) for cutout in found.things),
        tuple(grounds),
    )


def _scaled(pixels: Pixels) -> Pixels:
    height, width, _ = pixels.shape
    if min(height, width) == SHORTER_SIDE:
        return pixels
    scale = SHORTER_SIDE / min(height, width)
    size = (max(round(width * scale), SHORTER_SIDE), max(round(height * scale), SHORTER_SIDE))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def _cut(pixels: Pixels, cutout: Cutout, source: str) -> Patch:
    """With a margin, mirrored where the photograph ends."""
    wider = np.pad(pixels, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="reflect")
    top, left = int(cutout.box.top), int(cutout.box.left)
    height, width = (length + 2 * MARGIN for length in cutout.mask.shape)
    return Patch(wider[top : top + height, left : left + width].copy(), np.pad(cutout.mask, MARGIN), source)
