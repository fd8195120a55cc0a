from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from footprints.names import key_of, name_of, names_of
from footprints.photographs import read_photographs
from footprints.species.data import check_folder
from PIL import Image
from pipit.errors import InvalidInput, NotFound
from pipit.training.by_input.pictures.duplicates import ALIKE, alike, groups_of, perceptual_hash
from pipit.training.by_input.pictures.listing import Picture
from pipit.training.by_input.pictures.sides import describe_sides, split_pictures
from pipit.training.recipe import Split

RULE = Split(rule="group", test_share=0.2, validation_share=0.25)
Pictures = Callable[..., list[Picture]]


def put(path: Path, content: bytes = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_an_unsplit_folder_leaves_every_side_open_and_names_what_is_no_picture(tmp_path: Path) -> None:
    for name in ("castor/a.jpg", "castor/b.JPEG", "ours/c.png", "ours/notes.txt", "ours/.hidden", ".git/d.jpg"):
        put(tmp_path / "prints" / name)
    listing = read_photographs(tmp_path / "prints", "prints", {"ours": "bear"})
    assert [(p.name, p.label, p.side) for p in listing.items] == [
        ("prints/castor/a.jpg", "castor", ""),
        ("prints/castor/b.JPEG", "castor", ""),
        ("prints/ours/c.png", "bear", ""),
    ]
    assert [problem.partition(": ")[2] for problem in listing.problems] == [
        ".txt is no picture; use .jpg, .jpeg, .png, .webp"
    ]


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
        put(tmp_path / "cropped_imgs" / part / "black_bear" / "a.jpg")
    put(tmp_path / "raw_imgs" / "a.jpg")
    pictures = read_photographs(tmp_path, "OpenAnimalTracks").items
    assert {p.name.split("/")[-3]: p.side for p in pictures} == sides
    assert {p.label for p in pictures} == {"black_bear"}


def test_a_split_without_training_pictures_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "val" / "castor" / "a.jpg")
    with pytest.raises(InvalidInput, match="has no folder train/"):
        read_photographs(tmp_path, "prints")


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


def test_names_stand_beside_labels_and_an_unknown_one_stays_itself() -> None:
    assert key_of("Écureuil  Roux") == "ecureuil_roux"
    assert name_of("Raton Laveur") == name_of("raton_laveur")
    found = names_of(["ours", "yeti"])
    assert found == {"ours": {"english": "bear", "latin": "Ursus"}, "yeti": {"english": "yeti", "latin": ""}}


def test_the_check_names_bad_tiny_and_doubled_pictures(texture: Callable[[int], np.ndarray], tmp_path: Path) -> None:
    folder = tmp_path / "prints"
    for number, part in ((1, "train"), (2, "train"), (1, "val")):
        (folder / part / "chat").mkdir(parents=True, exist_ok=True)
        Image.fromarray(texture(number)).save(folder / part / "chat" / f"{number}.jpg", quality=80)
    put(folder / "train" / "chat" / "broken.jpg", b"no picture")
    Image.new("RGB", (20, 90)).save(folder / "train" / "chat" / "tiny.png")
    put(folder / "train" / "chat" / "film.mp4")
    steps: list[tuple[int, int]] = []
    report = check_folder(folder, lambda done, total: steps.append((done, total)))
    assert report.layout == "split"
    assert report.classes == {"chat": 3}
    assert report.recordings == 2
    problems = "\n".join(report.problems)
    for part in ("film.mp4: .mp4 is no picture", "broken.jpg: not a picture", "tiny.png: only 20 pixels"):
        assert part in problems
    assert (
        "nearly the same, on two sides of the split: prints/train/chat/1.jpg and prints/val/chat/1.jpg" in report.notes
    )
    assert steps[-1] == (5, 5)
    with pytest.raises(NotFound, match="is not a folder"):
        check_folder(tmp_path / "nowhere", lambda done, total: None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFound, match="holds no pictures"):
        check_folder(tmp_path / "empty", lambda done, total: None)


@pytest.mark.data
def test_every_real_class_has_a_name(real_prints: Path) -> None:
    labels = {picture.label for picture in read_photographs(real_prints / "footprints", "footprints").items}
    assert len(labels) == 13
    assert {label for label in labels if name_of(label) is None} == set()
