from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from footprints.names import families_of, key_of, name_of, names_of
from footprints.photographs import read_photographs
from footprints.species.data import check_folder
from footprints.species.synthetic import draw_print
from PIL import Image
from pipit.errors import NotFound


def put(path: Path, content: bytes = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_single_prints_of_open_animal_tracks_are_taken_and_whole_scenes_are_not(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        put(tmp_path / "cropped_imgs" / part / "black_bear" / "a.jpg")
    put(tmp_path / "raw_imgs" / "black_bear" / "a.jpg")
    pictures = read_photographs(tmp_path).items
    assert [p.name.split("/")[1:] for p in pictures] == [
        [part, "black_bear", "a.jpg"] for part in ("test", "train", "val")
    ]


def test_names_stand_beside_labels_and_an_unknown_one_stays_itself() -> None:
    assert key_of("Écureuil  Roux") == "ecureuil_roux"
    assert name_of("Raton Laveur") == name_of("raton_laveur")
    found = names_of(["ours", "yeti"])
    assert found == {"ours": {"english": "bear", "latin": "Ursus"}, "yeti": {"english": "yeti", "latin": ""}}


def test_a_family_of_several_species_has_a_name_of_its_own() -> None:
    assert families_of(["loup", "chat", "chien", "ours"]) == {"canid": ("chien", "loup")}
    # What nobody knows is of no family, and a label is never taken for a family.
    assert families_of(["yeti", "bunyip", "chat", "lynx"]) == {"felid": ("chat", "lynx")}
    assert families_of(["felid", "chat", "lynx"]) == {}


def test_the_check_names_bad_tiny_and_doubled_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "prints"
    for number, part in ((1, "train"), (2, "train"), (1, "val")):
        (folder / part / "chat").mkdir(parents=True, exist_ok=True)
        drawn = draw_print("drawn_cat", np.random.default_rng(number))
        Image.fromarray(drawn).save(folder / part / "chat" / f"{number}.jpg", quality=80)
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
    assert families_of(labels) == {
        "canid": ("chien", "coyotte", "loup", "renard"),
        "felid": ("chat", "lynx", "puma"),
    }
