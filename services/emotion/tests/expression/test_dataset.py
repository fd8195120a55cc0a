from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from emotion.expression.data import read_dataset
from pipit.errors import InvalidInput, NotFound
from pipit.inputs.landmarks.files import read_landmarks, write_landmarks
from pipit.training.by_input.faces.labelled import LANDMARKS


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_folders_bear_the_names_of_many_data_sets_and_persons_come_from_the_table(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    _touch(folder, "train/Surprise/a.jpg", "test/disgust/b.png", "happy/c.jpeg", "contempt/d.jpg", "joy/e.jpg")
    _touch(folder, "sad/notes.txt", "top.jpg")
    (folder / "labels.csv").write_text("filename,person\ntrain/Surprise/a.jpg,Ann\ncontempt/d.jpg,Di\ngone.jpg,Bob\n")
    listing = read_dataset(folder, "folders")
    assert [(f.name, f.label, f.person, f.fold) for f in listing.items] == [
        ("set/happy/c.jpeg", "happy", "", ""),
        ("set/test/disgust/b.png", "disgusted", "", "test"),
        ("set/train/Surprise/a.jpg", "surprised", "set/Ann", "train"),
    ]
    assert listing.files == {
        "set/labels.csv": folder / "labels.csv",
        **{face.name: folder / face.name.removeprefix("set/") for face in listing.items},
    }
    told = "\n".join(listing.problems)
    assert len(listing.problems) == 4
    for part in ("'joy' is no emotion", "notes.txt: .txt is no picture", "top.jpg: is not in a folder", "'gone.jpg'"):
        assert part in told
    assert sum(f.label == "neutral" for f in read_dataset(folder, "folders", "neutral").items) == 1


def test_the_original_table_of_fer2013_gives_its_pixels(tmp_path: Path) -> None:
    good = " ".join(str(i % 256) for i in range(2304))
    lines = ["emotion,pixels,Usage", f"3,{good},Training", f"7,{good},Training", "0,1 2 3,PublicTest", f"1,{good}x,x"]
    (tmp_path / "fer2013.csv").write_text("\n".join([*lines, f"6,{good[:-3]}999,PrivateTest"]))
    listing = read_dataset(tmp_path, "fer2013_csv")
    (face,) = listing.items
    assert (face.label, face.fold) == ("happy", "Training")
    assert face.pixels is not None
    assert face.pixels.shape == (48, 48)
    assert face.pixels[1, 2] == 50
    assert [problem.split(": ")[1].split()[0] for problem in listing.problems] == [
        "emotion",
        "pixels",
        "pixels",
        "pixels",
    ]
    assert "line 3" in listing.problems[0]
    with pytest.raises(NotFound, match="icml_face_data"):
        read_dataset(tmp_path / "none", "fer2013_csv")


def test_raf_db_names_pictures_that_are_not_there(tmp_path: Path) -> None:
    _touch(tmp_path, "Image/aligned/train_1_aligned.jpg", "Image/original/test_1.jpg", "EmoLabel/x")
    (tmp_path / "EmoLabel" / "list_patition_label.txt").write_text(
        "train_1.jpg 1\ntest_1.jpg 7\ntest_2.jpg 3\ntrain_1.jpg 9\n"
    )
    listing = read_dataset(tmp_path, "raf_db")
    assert [(face.label, face.fold) for face in listing.items] == [("surprised", "train"), ("neutral", "test")]
    assert "line 3: 'test_2.jpg' is neither" in listing.problems[0]
    assert "line 4" in listing.problems[1]


def test_affectnet_has_eight_classes_of_which_contempt_is_as_the_recipe_says(tmp_path: Path) -> None:
    _touch(tmp_path, *(f"train_set/images/{n}.jpg" for n in range(4)))
    (tmp_path / "train_set/annotations").mkdir()
    for number, value in enumerate(("3", "7", "9")):
        np.save(tmp_path / f"train_set/annotations/{number}_exp.npy", np.array(value).astype(int))
    listing = read_dataset(tmp_path, "affectnet")
    assert [face.label for face in listing.items] == ["surprised"]
    assert "2_exp.npy: holds no expression" in listing.problems[0]
    assert "its label" in listing.problems[1]
    assert [f.label for f in read_dataset(tmp_path, "affectnet", "disgusted").items] == ["surprised", "disgusted"]


def test_landmark_files_tell_persons_and_dfew_labels_by_number(synthetic: Path, tmp_path: Path) -> None:
    listing = read_dataset(synthetic, "landmarks")
    assert len(listing.items) == 7 * 24 * 2
    assert listing.problems == ()
    first = listing.items[0]
    assert (first.label, first.person) == ("angry", "synthetic_emotion/synthetic00")
    assert first.aspect == pytest.approx(1.0, abs=1e-4)
    table = read_landmarks(synthetic / LANDMARKS)
    names = np.array([f"{number:05d}.mp4" for number in range(len(table.sources.file))])
    object.__setattr__(table.sources, "file", names)
    write_landmarks(tmp_path / LANDMARKS, table)
    (tmp_path / "annotation.csv").write_text("video_name,annotation\n1,6\n2,0\n3,8\n99999,1\n")
    clips = read_dataset(tmp_path, "dfew")
    assert [(face.name.split("/")[1], face.label) for face in clips.items] == [("00001.mp4", "disgusted")]
    assert [problem.split(":")[0][-6:] for problem in clips.problems] == ["line 4", "line 5"]


def test_what_is_no_layout_and_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no kind 'jaffe'"):
        read_dataset(tmp_path, "jaffe")
    (tmp_path / "fer2013.csv").write_text("emotion,Usage\n1,Training\n")
    with pytest.raises(InvalidInput, match="no column pixels"):
        read_dataset(tmp_path, "fer2013_csv")
