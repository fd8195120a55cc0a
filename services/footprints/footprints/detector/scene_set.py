"""A set of composed scenes in YOLO's layout, out of photographs without boxes; and the bare ground they were made of.

No photograph gives to two sides, neither a print nor its ground. The same photographs and seed give the same scenes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from pipit.data.duplicates import alike, perceptual_hash
from pipit.errors import InputTooLarge, InvalidInput
from pipit.files import write_atomically
from pipit.training.by_input.pictures.listing import Picture, read_pixels
from pipit.training.by_input.pictures.sides import split_pictures
from pipit.training.progress import Progress
from pipit.training.recipe import Split

from footprints.detector.compose import Material, compose
from footprints.detector.data import DATA_FILE, SIDES, SOURCES_FILE, data_file, format_boxes
from footprints.detector.material import read_material
from footprints.detector.workers import start_workers
from footprints.photographs import read_photographs

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


def split_photographs(folder: Path, rule: Split, seed: int) -> Photographs:
    """The photographs of a folder by side, as `footprints.species` splits them. Raises InvalidInput."""
    listing = read_photographs(folder)
    pictures, hashes, problems = [], [], list(listing.problems)
    for picture in listing.items:
        try:
            pixels = read_pixels(picture.path, shorter_side=64)
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


def gather(
    photographs: Mapping[str, Sequence[Picture]], progress: Progress, workers: int = WORKERS
) -> dict[str, Material]:
    """What the photographs of each side give. Raises InvalidInput if a side's give no prints or no ground."""
    material, _ = read_material(photographs, workers, progress)
    for side, made_of in material.items():
        if len(made_of.prints) < LEAST_PRINTS or len(made_of.grounds) < LEAST_GROUNDS:
            raise InvalidInput(
                f"{len(photographs[side])} photographs of {side} give {len(made_of.prints)} prints and "
                f"{len(made_of.grounds)} bare grounds that stand out clearly; add photographs"
            )
    return material


def write_scenes(
    folder: Path,
    material: Mapping[str, Material],
    counts: Mapping[str, int],
    seed: int,
    progress: Progress,
    workers: int = WORKERS,
) -> None:
    """Writes so many scenes of each side; `data.yaml` last."""
    jobs = [(side, index, (seed, number, index)) for number, side in enumerate(SIDES) for index in range(counts[side])]
    with (
        progress.track("composing scenes", len(jobs)) as bar,
        start_workers(workers, _keep, (material,)) as pool,
    ):
        sources: dict[str, str] = {}
        for name, source in pool.map(partial(_write_scene, folder), jobs, chunksize=4):
            sources[name] = source
            bar.advance()
    write_atomically(folder / SOURCES_FILE, json.dumps(sources, indent=1).encode())
    write_atomically(folder / DATA_FILE, data_file())


def write_grounds(folder: Path, material: Mapping[str, Material]) -> list[tuple[str, str, str]]:
    """Writes every square of bare ground as it is in its photograph: its name in `folder`, side and photograph."""
    written = []
    for side, made_of in material.items():
        (folder / side).mkdir(parents=True, exist_ok=True)
        for index, ground in enumerate(made_of.grounds):
            name = f"{side}/{index:05d}.png"
            Image.fromarray(ground.pixels).save(folder / name)
            written.append((name, side, ground.source))
    return written


def describe_material(
    photographs: Mapping[str, Sequence[Picture]], material: Mapping[str, Material]
) -> dict[str, dict[str, int]]:
    """Numbers of photographs, prints, things and grounds, by side."""
    return {
        side: {
            "photographs": len(photographs[side]),
            "prints": len(made_of.prints),
            "things": len(made_of.things),
            "grounds": len(made_of.grounds),
        }
        for side, made_of in material.items()
    }


def _keep(material: Mapping[str, Material]) -> None:
    _MATERIAL.update(material)


_MATERIAL: dict[str, Material] = {}
"""Of a worker process."""


def _write_scene(folder: Path, job: tuple[str, int, tuple[int, ...]]) -> tuple[str, str]:
    """Gives the picture's name and its source. job: side, number, seed."""
    side, index, seed = job
    scene = compose(_MATERIAL[side], np.random.default_rng(seed))
    images, labels = folder / "images" / SIDES[side], folder / "labels" / SIDES[side]
    for path in (images, labels):
        path.mkdir(parents=True, exist_ok=True)
    (images / f"{index:05d}.jpg").write_bytes(scene.jpeg)
    (labels / f"{index:05d}.txt").write_text(format_boxes(scene.boxes, *scene.size), encoding="utf-8")
    return f"images/{SIDES[side]}/{index:05d}.jpg", scene.source
