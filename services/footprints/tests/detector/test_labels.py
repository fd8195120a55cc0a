from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from footprints.detector.data import check_folder, format_boxes, parse_boxes, read_set, set_files
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pipit.errors import InvalidInput, NotFound
from pipit.types import Box

Make = Callable[..., Path]
SHARE = st.floats(0.01, 0.99)


@given(x=SHARE, y=SHARE, width=st.floats(0.02, 1.0), height=st.floats(0.02, 1.0))
def test_boxes_survive_being_written(x: float, y: float, width: float, height: float) -> None:
    width, height = min(width, 2 * x, 2 - 2 * x), min(height, 2 * y, 2 - 2 * y)
    box = Box((x - width / 2) * 640, (y - height / 2) * 480, width * 640, height * 480)
    (found,), problems = parse_boxes(format_boxes([box], 640, 480), Path("a.txt"), 640, 480)
    assert not problems
    for name in ("left", "top", "width", "height"):
        assert getattr(found, name) == pytest.approx(getattr(box, name), abs=0.002)


def test_a_set_is_read_with_its_boxes_in_pixels(boxed: Make) -> None:
    folder = boxed()
    (folder / "sources.json").write_text(json.dumps({"images/test/one.png": "photograph 7"}))
    (folder / "labels/val/one.txt").unlink()
    found = read_set(folder)
    assert found.problems == ()
    boxes = {picture.side: picture.boxes for picture in found.pictures}
    assert boxes["train"] == (pytest.approx(Box(80, 30, 40, 40)),) or boxes["train"][0].width == pytest.approx(40)
    assert boxes["validation"] == ()
    sources = {picture.side: picture.source for picture in found.pictures}
    assert sources == {"train": "images/train/one.png", "validation": "images/val/one.png", "test": "photograph 7"}
    assert set(set_files(folder)) == {
        "data.yaml",
        "sources.json",
        *(f"images/{side}/one.png" for side in ("train", "val", "test")),
        *(f"labels/{side}/one.txt" for side in ("train", "test")),
    }


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("0 0.5 0.5 0.2", "has 4 words"),
        ("1 0.5 0.5 0.2 0.4", "class '1' is not known"),
        ("0 0.5 x 0.2 0.4", "are not four numbers"),
        ("0 0.5 nan 0.2 0.4", "no finite number"),
        ("0 100 50 40 40", "shares of the picture, not pixels"),
        ("0 0.5 0.5 0 0.4", "has no area"),
        ("0 0.05 0.5 0.2 0.4", "hangs over"),
    ],
)
def test_each_bad_line_is_named_with_file_and_number(boxed: Make, line: str, problem: str) -> None:
    folder = boxed(f"0 0.5 0.5 0.2 0.4\n\n{line}\n")
    (found,) = read_set(folder).problems
    assert found.startswith(f"{folder / 'labels/train/one.txt'}:3: ")
    assert problem in found


def test_what_is_no_picture_and_boxes_without_one_are_named(boxed: Make) -> None:
    folder = boxed()
    (folder / "images/test/two.jpg").write_bytes(b"no picture")
    (folder / "labels/val/lost.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    problems = read_set(folder).problems
    assert [problem.split(":")[0] for problem in problems] == [
        str(folder / "labels/val/lost.txt"),
        str(folder / "images/test/two.jpg"),
    ]
    report = check_folder(folder, lambda _done, _all: None)
    assert report.problems == problems
    assert report.classes == {"print": 3, "without print": 0}
    assert "only 1 boxes to train on; 300 or more are needed" in report.notes


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"test": None}, InvalidInput, "lacks 'test'"),
        ({"names": "[cat, dog]"}, InvalidInput, "has to hold one class"),
        ({"val": "../elsewhere"}, InvalidInput, "name a folder under images/"),
        ({"val": "images/none"}, NotFound, "there is no folder"),
        ({"names": "[a, b"}, InvalidInput, "can't be read"),
    ],
)
def test_a_wrong_data_file_says_what_is_wrong(
    boxed: Make, values: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_set(boxed(**values))


def test_yolos_own_way_of_numbering_names_is_read(boxed: Make) -> None:
    assert len(read_set(boxed(names="{0: track}")).pictures) == 3


def test_what_label_tools_and_other_systems_leave_is_no_problem(boxed: Make) -> None:
    folder = boxed()
    boxes = (folder / "labels/train/one.txt").read_text()
    (folder / "labels/train/one.txt").unlink()
    (folder / "labels/train/one.TXT").write_bytes(b"\xef\xbb\xbf" + boxes.replace("\n", "\r\n").encode())
    (folder / "labels/train/classes.txt").write_text("print\n")
    (folder / "labels/train/._one.txt").write_bytes(b"\0\5\x16\7")
    (folder / "images/train/._one.png").write_bytes(b"\0\5\x16\7")
    (folder / "images/train/Thumbs.db").write_bytes(b"\xd0\xcf")
    (folder / "labels/train.cache").write_bytes(b"x")
    found = read_set(folder)
    assert found.problems == ()
    (train,) = (picture for picture in found.pictures if picture.side == "train")
    assert len(train.boxes) == 1


def test_a_jpeg_of_any_name_is_a_picture_with_its_boxes(boxed: Make) -> None:
    folder = boxed()
    path = folder / "images/train/one.png"
    Image.open(path).save(path.with_suffix(".jfif"), "JPEG")
    path.unlink()
    found = read_set(folder)
    assert found.problems == ()
    (train,) = (picture for picture in found.pictures if picture.side == "train")
    assert (train.path.suffix, len(train.boxes)) == (".jfif", 1)


def test_a_picture_that_the_trainer_would_pass_over_is_named(boxed: Make) -> None:
    folder = boxed()
    path = folder / "images/train/one.png"
    Image.open(path).save(path.with_suffix(".gif"))
    path.unlink()
    (problem,) = read_set(folder).problems
    assert problem == (
        f"{path.with_suffix('.gif')}: GIF is not read by the trainer of detectors; save it as JPEG or PNG"
    )


def test_two_equal_boxes_are_named(boxed: Make) -> None:
    folder = boxed("0 0.5 0.5 0.2 0.4\n0 0.3 0.5 0.2 0.4\n0 0.5 0.5 0.2 0.4\n")
    (problem,) = read_set(folder).problems
    assert problem == f"{folder / 'labels/train/one.txt'}:3: the same box as before; delete one of them"
