"""A set of composed scenes in YOLO's layout, out of photographs without boxes.

No photograph gives to two sides, neither a print nor its ground. The same photographs and seed give the same scenes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from pipit.bundle.files import write_atomically
from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_image
from pipit.training.progress import Progress
from pipit.training.recipe import Split

from footprints.detector.compose import Material, compose
from footprints.detector.labels import DATA_FILE, SIDES, SOURCES_FILE, data_file, format_boxes
from footprints.detector.material import read_material
from footprints.species.dataset import Picture, read_dataset
from footprints.species.duplicates import alike, perceptual_hash
from footprints.species.sides import split_pictures

WORKERS = 2
LEAST_PRINTS, LEAST_GROUNDS = 2, 2
"""That a side needs; a few dozen make it worth something."""


@dataclass(frozen=True, slots=True)
class Photographs:
    """pictures: that were read, by side. problems: a line for each that can't be used.

    look_alikes: so many were taken out, because an earlier side has nearly the same.
    """

    pictures: Mapping[str, tuple[Picture, ...]]
    problems: tuple[str, ...]
    look_alikes: int


def list_photographs(folder: Path) -> dict[str, Path]:
    """Every photograph of a folder by its name. Raises InvalidInput as `split_photographs`."""
    return {picture.name: picture.path for picture in read_dataset(folder, folder.name, {}).pictures}


def split_photographs(folder: Path, rule: Split, seed: int) -> Photographs:
    """The photographs of a folder by side, as `footprints.species` splits them. Raises InvalidInput."""
    listing = read_dataset(folder, folder.name, {})
    pictures, hashes, problems = [], [], list(listing.problems)
    for picture in listing.pictures:
        try:
            pixels = decode_image(EncodedImage(picture.path.read_bytes()), shorter_side=64)
        except (InvalidInput, InputTooLarge, OSError) as error:
            problems.append(f"{picture.path}: {error}")
            continue
        pictures.append(picture)
        hashes.append(perceptual_hash(pixels))
    if not pictures:
        raise InvalidInput(f"{folder} holds no photographs; put them into one folder per class")
    sides = split_pictures(rule, pictures, alike(hashes), seed).sides
    by_side = {side: tuple(p for p, s in zip(pictures, sides, strict=True) if s == side) for side in SIDES}
    return Photographs(by_side, tuple(problems), sides.count(""))


def write_scenes(
    folder: Path,
    photographs: Mapping[str, Sequence[Picture]],
    counts: Mapping[str, int],
    seed: int,
    progress: Progress,
    workers: int = WORKERS,
) -> dict[str, dict[str, int]]:
    """Writes so many scenes of each side; `data.yaml` last. Gives what each side's were made of.

    Raises InvalidInput if a side's photographs give no prints or no ground.
    """
    sources: dict[str, str] = {}
    made_of = {}
    for number, side in enumerate(SIDES):
        material, _ = read_material(photographs[side], workers, progress)
        if len(material.prints) < LEAST_PRINTS or len(material.grounds) < LEAST_GROUNDS:
            raise InvalidInput(
                f"{len(photographs[side])} photographs of {side} give {len(material.prints)} prints and "
                f"{len(material.grounds)} bare grounds that stand out clearly; add photographs"
            )
        made_of[side] = {
            "photographs": len(photographs[side]),
            "prints": len(material.prints),
            "things": len(material.things),
            "grounds": len(material.grounds),
        }
        write = partial(_write_scene, folder, SIDES[side])
        jobs = [(index, (seed, number, index)) for index in range(counts[side])]
        with (
            progress.track(f"composing scenes: {side}", len(jobs)) as bar,
            ProcessPoolExecutor(
                workers, mp_context=get_context("spawn"), initializer=_keep, initargs=(material,)
            ) as pool,
        ):
            for name, source in pool.map(write, jobs, chunksize=4):
                sources[name] = source
                bar.advance()
    write_atomically(folder / SOURCES_FILE, json.dumps(sources, indent=1).encode())
    write_atomically(folder / DATA_FILE, data_file())
    return made_of


def _keep(material: Material) -> None:
    _MATERIAL.append(material)


_MATERIAL: list[Material] = []
"""Of a worker process."""


def _write_scene(folder: Path, side: str, job: tuple[int, tuple[int, ...]]) -> tuple[str, str]:
    """Gives the picture's name and its source."""
    index, seed = job
    scene = compose(_MATERIAL[0], np.random.default_rng(seed))
    images, labels = folder / "images" / side, folder / "labels" / side
    for path in (images, labels):
        path.mkdir(parents=True, exist_ok=True)
    (images / f"{index:05d}.jpg").write_bytes(scene.jpeg)
    (labels / f"{index:05d}.txt").write_text(format_boxes(scene.boxes, *scene.size), encoding="utf-8")
    return f"images/{side}/{index:05d}.jpg", scene.source
