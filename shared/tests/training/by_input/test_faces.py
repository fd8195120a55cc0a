"""Faces with a label, found once and kept: the parts that every task of faces shares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pipit.errors import InvalidInput, NotFound
from pipit.landmarks.files import LandmarkTable, Sources, write_landmarks
from pipit.training.by_input.faces import faces as searching
from pipit.training.by_input.faces.check import check_faces
from pipit.training.by_input.faces.faces import Crop, FaceSearch, FoundFace, collect
from pipit.training.by_input.faces.groups import group_names
from pipit.training.by_input.faces.labelled import (
    LANDMARKS,
    Face,
    named_within,
    read_folders,
    read_landmark_set,
)
from pipit.training.by_input.faces.sources import metrics_by_source
from pipit.training.cache import ArrayCache
from pipit.training.datasets import file_digests
from pipit.training.source_set import Listing

PEOPLE = ("anna", "ben")


def _known(name: str) -> str | None:
    """Two people, and one who is left out."""
    if name not in (*PEOPLE, "guest"):
        raise InvalidInput(f"{name!r} is nobody we know")
    return None if name == "guest" else name


def _picture(path: Path, level: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((40, 60, 3), level, np.uint8)).save(path)


def _read(folder: Path, _layout: str) -> Listing[Face]:
    return named_within(folder, read_folders(folder, _known))


def test_folders_name_classes_parts_and_what_is_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for name in ("anna/1.png", "train/ben/2.png", "guest/3.png", "zoe/4.png", "5.png"):
        _picture(folder / name, 90)
    (folder / "anna" / "notes.txt").write_text("hers")
    (folder / "labels.csv").write_text("filename,person\nanna/1.png,anna\nguest/3.png,carl\ngone.png,anna\n")
    listing = _read(folder, "")
    assert [(face.name, face.label, face.person, face.fold) for face in listing.items] == [
        ("set/anna/1.png", "anna", "set/anna", ""),
        ("set/train/ben/2.png", "ben", "", "train"),
    ]
    assert set(listing.files) == {"set/anna/1.png", "set/train/ben/2.png", "set/labels.csv"}
    assert [problem.partition(": ")[2] for problem in listing.problems] == [
        "is not in a folder of a class; put it into <class>/, or train/<class>/",
        ".txt is no picture; take it out of the folder",
        "'zoe' is nobody we know",
        f"'gone.png' is not in {folder}",
    ]


def test_landmark_files_tell_class_part_and_person(tmp_path: Path) -> None:
    names = ["anna/a__1.jpg", "test/ben/2.jpg", "zoe/3.jpg", "4.jpg", "guest/5.jpg"]
    points = np.random.default_rng(1).random((len(names), 1536), np.float32)
    zeros, ones = np.zeros(len(names), np.int32), np.ones(len(names), np.int32)
    table = LandmarkTable(
        features=points,
        source=np.arange(len(names), dtype=np.int32),
        seconds=np.full(len(names), np.nan),
        face=zeros,
        presence=np.ones(len(names), np.float32),
        body_presence=np.zeros(len(names), np.float32),
        box=np.tile(np.array([0, 0, 100, 100], np.float32), (len(names), 1)),
        sources=Sources(
            np.array(names),
            zeros.astype(np.int64),
            zeros.astype(np.int64),
            ones,
            zeros,
            np.array([""] * (len(names) - 1) + ["cut short"]),
        ),
        options={},
    )
    write_landmarks(tmp_path / LANDMARKS, table)
    listing = read_landmark_set(tmp_path, _known)
    assert [(face.name, face.label, face.person, face.fold) for face in listing.items] == [
        ("anna/a__1.jpg", "anna", "a", ""),
        ("test/ben/2.jpg", "ben", "", "test"),
    ]
    assert listing.items[0].landmarks is not None
    np.testing.assert_array_equal(listing.items[0].landmarks, points[:1])
    told = [problem.removeprefix(f"{tmp_path / LANDMARKS}: ") for problem in listing.problems]
    assert told == [
        "guest/5.jpg: cut short",
        "zoe/3.jpg: 'zoe' is nobody we know",
        "4.jpg was in no folder of a class",
    ]


def test_look_alikes_and_pictures_of_one_person_are_one_group() -> None:
    generator = np.random.default_rng(1)
    picture, other = generator.random((2, 48, 48), np.float32)
    nearly = np.clip(picture * 0.8 + 0.05, 0, 1)
    crops = {"a": picture, "b": other, "c": nearly, "d": generator.random((48, 48), np.float32)}
    found = {name: FoundFace(np.zeros((1, 1536), np.float32), 1.0, crop) for name, crop in crops.items()}
    faces = [Face("a", "sad", "Ann"), Face("b", "sad", "Ann"), Face("c", "sad"), Face("d", "sad")]
    groups, alike = group_names(faces, found)
    assert groups[0] == groups[1] == groups[2] != groups[3]
    assert alike == 2


def test_samples_are_the_middle_of_a_clip_or_its_last_frames_and_a_picture_again_and_again() -> None:
    clip, still = np.arange(5.0, dtype=np.float32)[:, np.newaxis], np.array([[9.0]], np.float32)
    found = {"clip": FoundFace(clip, 0.75, None), "still": FoundFace(still, 1.0, None)}
    faces = [Face("still", "ben"), Face("clip", "anna")]
    one, three = (collect(faces, found, frames, PEOPLE) for frames in (1, 3))
    assert one.landmarks[..., 0].tolist() == [[9.0], [2.0]]
    assert three.landmarks[..., 0].tolist() == [[9.0, 9.0, 9.0], [2.0, 3.0, 4.0]]
    assert (one.aspect.tolist(), one.truth.tolist(), one.crops) == ([1.0, 0.75], [1, 0], None)


class Looked:
    """Stands in for the networks: a bright picture has a face, which is told by its level."""

    count = 0

    def find(self, picture: NDArray[np.uint8], *, body: bool) -> list[Any]:
        """One face, or none."""
        type(self).count += 1
        level = int(picture[0, 0, 0])
        return [_Found(level)] if level > 50 else []


class _Found:
    def __init__(self, level: int) -> None:
        self.features = np.full(1536, level, np.float32)


def test_each_picture_is_looked_at_once_and_by_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet: Any
) -> None:
    monkeypatch.setattr(Looked, "count", 0)
    monkeypatch.setattr(FaceSearch, "_loaded", lambda _: Looked())
    for name, level in (("anna/1.png", 200), ("ben/1.png", 100), ("ben/dark.png", 10)):
        _picture(tmp_path / "set" / name, level)
    (tmp_path / "set" / "ben" / "broken.png").write_bytes(b"no picture")
    faces = _read(tmp_path / "set", "").items
    digests = file_digests({face.name: face.path for face in faces if face.path}, tmp_path / "digests.json")
    crop = Crop("level", 16, lambda picture, _: np.full((16, 16), picture.mean() / 255, np.float32))

    def search(crop: Crop) -> searching.Search:
        return FaceSearch(ArrayCache(tmp_path / "kept"), 2, crop, body=False).search(faces, digests, quiet)

    first = search(crop)
    assert Looked.count == 3
    assert first.without == ("set/ben/dark.png",)
    (problem,) = first.problems
    assert "broken.png: not a picture" in problem
    anna = first.found["set/anna/1.png"]
    assert (anna.landmarks.shape, anna.landmarks[0, 0], anna.aspect) == ((1, 1536), 200.0, pytest.approx(40 / 60))
    assert anna.crop is not None
    np.testing.assert_allclose(anna.crop, 200 / 255, rtol=1e-6)
    again = search(crop)
    assert Looked.count == 3
    np.testing.assert_array_equal(again.found["set/ben/1.png"].landmarks, first.found["set/ben/1.png"].landmarks)
    assert again.without == first.without
    search(Crop("another", 16, crop.cut))
    assert Looked.count == 6  # What one crop shows is no answer for another.


def test_the_check_counts_classes_and_persons_and_names_pictures_that_can_not_be_read(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    for name in ("anna/1.png", "anna/2.png", "ben/1.png"):
        _picture(tmp_path / "set" / name, 90)
    (tmp_path / "set" / "ben" / "broken.png").write_bytes(b"no picture")

    def check() -> Any:
        return check_faces(tmp_path / "set", lambda *done: seen.append(done), lambda _: "folders", _read, PEOPLE, 2)

    report = check()
    assert (report.layout, dict(report.classes), report.recordings) == ("folders", {"anna": 2, "ben": 1}, 3)
    assert "broken.png: not a picture" in report.problems[0]
    assert report.notes[0] == "ben: only 1 pictures; 2 or more are needed"
    assert "persons are not known" in report.notes[1]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    (tmp_path / "set" / "labels.csv").write_text("filename,person\nanna/1.png,one\nanna/2.png,one\n")
    assert (check().recordings, len(check().notes)) == (2, 1)
    with pytest.raises(NotFound, match="is not a folder"):
        check_faces(tmp_path / "none", lambda *_: None, lambda _: "", _read, PEOPLE, 2)


def test_every_data_set_has_figures_of_its_own() -> None:
    names = ["web/a/1.jpg", "web/a/2.jpg", "web/b/3.jpg", "home/b/1.jpg", "home/a/2.jpg"]
    truth = np.array([0, 0, 1, 1, 0])
    scores = np.eye(2)[[0, 1, 1, 1, 1]]
    groups = np.array(names, dtype=object)
    found = metrics_by_source(("a", "b"), truth, scores, groups, names, seed=1)
    assert {name: found[name].samples for name in ("accuracy.web", "accuracy.home")} == {
        "accuracy.web": 3,
        "accuracy.home": 2,
    }
    assert found["accuracy.web"].value == pytest.approx(2 / 3)
    assert found["accuracy.home"].value == pytest.approx(1 / 2)
    assert found["f1.a.web"].value == found["f1.b.web"].value == pytest.approx(2 / 3)
    assert found["f1.b.home"].value == pytest.approx(2 / 3)
    assert found["macro_f1.home"].value == pytest.approx(1 / 3)
