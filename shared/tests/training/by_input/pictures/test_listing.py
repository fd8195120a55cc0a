from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pipit.data.duplicates import ALIKE, alike, groups_of, perceptual_hash
from pipit.errors import InvalidInput
from pipit.training.by_input.pictures.listing import (
    Picture,
    pictures_below,
    read_labelled,
    read_pictures,
    read_pixels,
)
from pipit.training.by_input.pictures.sides import describe_sides, same_group, split_pictures
from pipit.training.recipe import LabelData, Split

RULE = Split(rule="group", test_share=0.2, validation_share=0.25)
Pictures = Callable[..., list[Picture]]


def put(path: Path, content: bytes = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_an_unsplit_folder_leaves_every_side_open_and_names_what_is_no_picture(tmp_path: Path) -> None:
    for name in ("cat/a.jpg", "cat/b.JPEG", "dog/c.png", "dog/notes.txt", "dog/.hidden", ".git/d.jpg"):
        put(tmp_path / "pets" / name)
    listing = read_pictures(tmp_path / "pets", "pets", {"dog": "hound"})
    assert [(p.name, p.label, p.side) for p in listing.items] == [
        ("pets/cat/a.jpg", "cat", ""),
        ("pets/cat/b.JPEG", "cat", ""),
        ("pets/dog/c.png", "hound", ""),
    ]
    assert [problem.partition(": ")[2] for problem in listing.problems] == [
        ".txt is no picture; use .bmp, .gif, .jfif, .jpe, .jpeg, .jpg, .png, .tif, .tiff, .webp"
    ]


def test_pictures_that_people_labelled_train_and_say_what_belongs_together(tmp_path: Path) -> None:
    for name in ("a%2Fb/1.jpg", "cat/2.jpg", "cat/3.jpg"):
        put(tmp_path / "november" / name)
    put(tmp_path / "november" / "recordings.csv", b"file,recording\na%2Fb/1.jpg,walk\ncat/2.jpg,walk\n")
    source = LabelData(path="labels://november")
    listing = read_labelled(tmp_path / "november", source)
    assert [(p.name, p.label, p.side, p.group, p.source) for p in listing.items] == [
        ("november/a%2Fb/1.jpg", "a/b", "train", "walk", "labels://november"),
        ("november/cat/2.jpg", "cat", "train", "walk", "labels://november"),
        ("november/cat/3.jpg", "cat", "train", "", "labels://november"),
    ]
    open_ = source.model_copy(update={"train_only": False})
    assert {p.side for p in read_labelled(tmp_path / "november", open_).items} == {""}
    assert same_group([p.group for p in listing.items]) == [(0, 1)]


@pytest.mark.parametrize("seed", range(5))
def test_pictures_of_one_group_stand_on_one_side(seed: int) -> None:
    pictures = [
        Picture(Path(str(i)), str(i), ("cat", "dog")[i // 4 % 2], "november", group=f"walk {i // 4}") for i in range(60)
    ]
    found = split_pictures(RULE, pictures, same_group([p.group for p in pictures]), seed)
    sides: dict[str, set[str]] = {}
    for picture, side in zip(pictures, found.sides, strict=True):
        sides.setdefault(picture.group, set()).add(side)
    assert all(len(side) == 1 for side in sides.values())
    assert found.torn == ()


@pytest.mark.parametrize(
    ("parts", "sides"),
    [
        (("train", "val", "test"), {"train": "train", "val": "validation", "test": "test"}),
        (("train", "val"), {"train": "", "val": "test"}),
        (("train", "test"), {"train": "", "test": "test"}),
    ],
)
def test_a_split_is_kept_and_what_it_lacks_comes_out_of_training(
    tmp_path: Path, parts: tuple[str, ...], sides: dict[str, str]
) -> None:
    for part in parts:
        put(tmp_path / "single" / part / "cat" / "a.jpg")
    put(tmp_path / "whole" / "a.jpg")
    pictures = read_pictures(tmp_path, "animals", {}, inner="single").items
    assert {p.name.split("/")[-3]: p.side for p in pictures} == sides
    assert {p.label for p in pictures} == {"cat"}


def test_a_split_without_training_pictures_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "val" / "cat" / "a.jpg")
    with pytest.raises(InvalidInput, match="has no folder train/"):
        read_pictures(tmp_path, "pets", {})


def test_a_picture_saved_anew_smaller_and_darker_is_found_and_others_are_not(
    texture: Callable[[int], np.ndarray], tmp_path: Path
) -> None:
    first, second = texture(1), texture(2)
    Image.fromarray(first).resize((90, 70)).point(lambda v: int(v * 0.8)).save(tmp_path / "a.jpg", quality=40)
    with Image.open(tmp_path / "a.jpg") as stored:
        again = np.asarray(stored)
    hashes = [perceptual_hash(pixels) for pixels in (first, second, again, first[6:, 6:])]
    assert alike(hashes) == [(0, 2), (0, 3), (2, 3)]
    assert (hashes[0] != hashes[1]).sum() > 2 * ALIKE
    assert groups_of(5, [(0, 2), (2, 3), (1, 4)]) == [0, 1, 0, 0, 1]
    assert alike([]) == []


def test_a_whole_data_set_is_drawn_in_groups(pictures: Pictures) -> None:
    some = pictures(100)
    pairs = [(i, i + 2) for i in range(0, 40, 4)]
    drawn = split_pictures(RULE, some, pairs, seed=1)
    counts = Counter(drawn.sides)
    assert counts == {"train": 60, "validation": 20, "test": 20}
    assert all(drawn.sides[i] == drawn.sides[j] for i, j in pairs)
    assert drawn.torn == ()
    assert drawn == split_pictures(RULE, some, pairs, seed=1)
    assert drawn.sides != split_pictures(RULE, some, pairs, seed=2).sides
    assert "20% test" in describe_sides(RULE, 1)


def test_of_near_duplicates_on_two_given_sides_the_one_that_trains_stays(pictures: Pictures) -> None:
    some = [*pictures(8, "train"), *pictures(4, "validation"), *pictures(4, "test")]
    drawn = split_pictures(RULE, some, [(0, 8), (8, 12), (9, 13), (1, 2)], seed=1)
    assert drawn.torn == ((0, 8), (8, 12), (9, 13))
    assert [i for i, side in enumerate(drawn.sides) if not side] == [8, 12, 13]


def test_a_side_without_pictures_is_refused(pictures: Pictures) -> None:
    with pytest.raises(InvalidInput, match="no pictures are left for test"):
        split_pictures(RULE, [*pictures(4, "train"), *pictures(4, "validation")], [], seed=1)


def test_a_picture_is_read_as_on_a_device_and_a_tiny_one_is_refused(
    texture: Callable[[int], np.ndarray], tmp_path: Path
) -> None:
    Image.fromarray(texture(1)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.png", smallest=200), texture(1))
    with pytest.raises(InvalidInput, match="only 200 pixels on its shorter side; 201 are needed"):
        read_pixels(tmp_path / "a.png", smallest=201)


def test_pictures_are_found_at_any_depth(tmp_path: Path) -> None:
    for name in ("b/c/d.webp", "a.PNG", "b/e.txt"):
        put(tmp_path / name)
    assert pictures_below(tmp_path) == [tmp_path / "a.PNG", tmp_path / "b/c/d.webp"]
    assert pictures_below(tmp_path / "nowhere") == []
