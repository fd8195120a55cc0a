from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footprints.detector.compose import Ground, Material, Patch, compose, roughness
from footprints.detector.cutouts import GROUND_SIDE, SHORTER_SIDE, search
from footprints.detector.data import read_set
from footprints.detector.material import read_material
from footprints.detector.quilting import quilt
from footprints.detector.scene_set import describe_material, gather, split_photographs, write_grounds, write_scenes
from footprints.detector.synthetic import draw
from PIL import Image
from pipit.errors import InvalidInput
from pipit.training.recipe import Split
from pipit.types import Box
from scipy import ndimage

Photographs = Callable[[int], Path]


def _sand(generator: np.random.Generator, side: int) -> Any:
    grain = ndimage.gaussian_filter(generator.normal(0, 1, (side, side)), 1.0)
    light = 150 + 8 * grain / grain.std()
    return np.clip(light[..., np.newaxis] * [1.0, 0.9, 0.75], 0, 255).astype(np.uint8)


def test_every_quilted_pixel_is_one_of_the_sample() -> None:
    sample = np.arange(60 * 60 * 3, dtype=np.uint32).reshape(60, 60, 3).astype(np.uint8)
    laid = quilt(sample, 100, 130, 24, np.random.default_rng(1))
    assert laid.shape == (100, 130, 3)
    colours = {tuple(colour) for colour in sample.reshape(-1, 3).tolist()}
    assert {tuple(colour) for colour in laid.reshape(-1, 3).tolist()} <= colours
    smooth = ndimage.gaussian_filter(_sand(np.random.default_rng(2), 80), (3, 3, 0))
    seams = np.abs(np.diff(quilt(smooth, 120, 120, 30, np.random.default_rng(3)).astype(float), axis=0))
    assert seams.mean() < 2 * np.abs(np.diff(smooth.astype(float), axis=0)).mean() + 0.5


def test_a_print_a_thing_and_bare_ground_are_told_apart() -> None:
    generator = np.random.default_rng(4)
    pixels = _sand(generator, SHORTER_SIDE).astype(np.float64)
    down, across = np.mgrid[0:SHORTER_SIDE, 0:SHORTER_SIDE]
    for x, y, radius in ((65, 75, 12), (53, 58, 5), (65, 54, 5), (77, 58, 5)):
        pixels[np.hypot(across - x, down - y) < radius] *= 0.5
    pixels[130:170, 120:160] = (40, 90, 220)
    found = search(np.clip(ndimage.gaussian_filter(pixels, (1, 1, 0)), 0, 255).astype(np.uint8))
    (print_,), (thing,) = found.prints, found.things
    assert print_.box.overlap(Box(48, 49, 34, 38)) > 0.25
    assert print_.box.left < 48
    assert print_.box.left + print_.box.width > 82
    assert thing.box.overlap(Box(120, 130, 40, 40)) > 0.25
    assert 1500 < thing.mask.sum() < 2200
    assert found.ground is not None
    assert found.ground.width >= GROUND_SIDE
    assert found.ground.overlap(print_.box) < 0.02


def test_composed_boxes_lie_where_the_ground_was_changed() -> None:
    generator = np.random.default_rng(5)
    mask = np.zeros((70, 70), bool)
    mask[20:50, 20:50] = True
    pixels = _sand(generator, 70)
    pixels[20:50, 20:50] //= 3
    ground = _sand(generator, 90)
    material = Material([Patch(pixels, mask, "p")], [], [Ground(ground, roughness(ground), "g")])
    seen = 0
    for seed in range(12):
        scene = compose(material, np.random.default_rng(seed))
        assert scene.source == ("p" if scene.boxes else "g")
        grey = np.asarray(Image.open(io.BytesIO(scene.jpeg)).convert("L"), np.float64)
        assert grey.shape[::-1] == scene.size
        dark = ndimage.gaussian_filter(grey, 2) < 0.6 * np.median(grey)
        outside = dark.copy()
        for box in scene.boxes:
            rows = slice(int(box.top), int(box.top + box.height))
            columns = slice(int(box.left), int(box.left + box.width))
            assert dark[rows, columns].mean() > 0.25
            outside[rows, columns] = False
            seen += 1
        assert outside.mean() < 0.01
        again = compose(material, np.random.default_rng(seed))
        assert again == scene
    assert seen >= 10


def test_no_photograph_gives_to_two_sides(photographs: Photographs, quiet: Any, tmp_path: Path) -> None:
    folder = photographs(14)
    found = split_photographs(folder, Split(rule="group", validation_share=0.3), 1)
    names = {side: {picture.name for picture in pictures} for side, pictures in found.pictures.items()}
    assert not names["train"] & names["validation"]
    assert all("/val/" in name for name in names["test"])
    counts = {"train": 6, "validation": 3, "test": 4}
    material = gather(found.pictures, quiet)
    assert all(made["prints"] >= 2 for made in describe_material(found.pictures, material).values())
    write_scenes(tmp_path / "scenes", material, counts, 1, quiet)
    scenes = read_set(tmp_path / "scenes")
    assert scenes.problems == ()
    for side, count in counts.items():
        pictures = [picture for picture in scenes.pictures if picture.side == side]
        assert len(pictures) == count
        assert {picture.source for picture in pictures} <= names[side]
    grounds = write_grounds(tmp_path / "grounds", material)
    assert {side for _, side, _ in grounds} == set(counts)
    for (name, side, source), ground in zip(grounds, (g for s in counts for g in material[s].grounds), strict=True):
        assert source in names[side]
        # The ground itself, not what was quilted of it.
        assert np.array_equal(np.asarray(Image.open(tmp_path / "grounds" / name)), ground.pixels)


def test_bad_and_barren_photographs_are_named(photographs: Photographs, quiet: Any, tmp_path: Path) -> None:
    folder = photographs(14)
    (folder / "train/cat/broken.jpg").write_bytes(b"no picture")
    (folder / "train/cat/notes.txt").write_text("read me")
    found = split_photographs(folder, Split(rule="group"), 1)
    assert sorted(Path(problem.split(":")[0]).name for problem in found.problems) == ["broken.jpg", "notes.txt"]
    flat = {side: pictures[:1] for side, pictures in found.pictures.items()}
    Image.new("RGB", (200, 200), "grey").save(flat["train"][0].path)
    with pytest.raises(InvalidInput, match="give 0 prints"):
        gather(flat, quiet)


def test_drawn_prints_lie_in_their_boxes() -> None:
    pixels, boxes = draw(np.random.default_rng(1), 2)
    grey = pixels.mean(axis=2)
    for box in boxes:
        inside = grey[int(box.top) : int(box.top + box.height), int(box.left) : int(box.left + box.width)]
        assert (inside < 0.7 * np.median(grey)).mean() > 0.2


@pytest.mark.data
def test_real_photographs_give_prints_and_ground(real_prints: Path, quiet: Any) -> None:
    found = split_photographs(real_prints / "footprints", Split(rule="group"), 1)
    assert not found.problems
    sides, problems = read_material({"test": found.pictures["test"][:40]}, 2, quiet)
    material = sides["test"]
    assert not problems
    assert len(material.prints) >= 8
    assert len(material.grounds) >= 8
