"""What other programs and people write is read; what can't be used is named, and the rest is taken."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pipit.errors import InputTooLarge, InvalidInput, NotFound
from pipit.labels import Kind, LabelledBox, LabelledSpan
from pipit.labels.formats import format_named
from pipit.labels.formats.archive import opened

from .conftest import picture

Put = Callable[[str, str | bytes], Path]


def test_a_folder_for_each_class(put: Put, tmp_path: Path) -> None:
    put("dog/one.wav", b"1")
    put("dog/deep/two.WAV", b"2")
    put("50%25 more/three.mp3", b"3")
    put("lone.jpg", b"4")
    put("dog/notes.docx", b"5")
    put(".DS_Store", b"6")
    put("recordings.csv", "file,recording\ndog/one.wav,Hall\n")
    found = format_named("folder").read(tmp_path, None)
    assert [(one.name, one.kind, one.label, one.group) for one in found.items] == [
        ("50%25 more/three.mp3", Kind.LABEL, "50% more", ""),
        ("dog/deep/two.WAV", Kind.LABEL, "dog", ""),
        ("dog/one.wav", Kind.LABEL, "dog", "Hall"),
        ("lone.jpg", None, "", ""),
    ]
    assert found.problems == ["dog/notes.docx: .docx is no sound, picture or series"]


def test_a_class_may_be_called_test(put: Put, tmp_path: Path) -> None:
    put("test/one.wav", b"1")
    assert [one.label for one in format_named("folder").read(tmp_path, None).items] == ["test"]


def test_a_table_that_a_person_wrote(put: Put, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav", "c.wav", "d.wav"):
        put(name, name)
    table = put(
        "mine.csv",
        "\ufefffile;label;start;end\na.wav;dog;;\nb.wav;advert;1,5;2,5\nb.wav;film;3;2\nmissing.wav;dog;;\n"
        "../../etc/passwd;dog;;\nc.wav;;;\nd.wav;dog;;\nd.wav;cat;;\n",
    )
    with opened(table) as (folder, named):
        found = format_named("csv").read(folder, named)
    assert [(one.name, one.kind, one.label) for one in found.items] == [
        ("a.wav", Kind.LABEL, "dog"),
        ("c.wav", None, ""),
    ]
    assert [problem.partition(":")[0] for problem in found.problems] == [
        f"mine.csv, line {line}" for line in (4, 5, 6, 9)
    ]
    assert "from 3 to 2 s" in found.problems[0]


def test_a_line_that_is_no_json_is_named(put: Put, tmp_path: Path) -> None:
    put("a.wav", b"1")
    put(
        "labels.jsonl", '{"file": "a.wav", "label": "dog"}\nnot json\n{"label": "dog"}\n{"file": "a.wav", "label": 7}\n'
    )
    found = format_named("jsonl").read(tmp_path, None)
    assert [(one.name, one.label) for one in found.items] == [("a.wav", "dog")]
    assert [problem.partition(":")[0] for problem in found.problems] == [
        f"labels.jsonl, line {line}" for line in (2, 3, 4)
    ]


def test_an_export_of_label_studio(put: Put, tmp_path: Path) -> None:
    """As its documentation shows exports, https://labelstud.io/guide/export.html."""
    put("cat.png", picture(1, (200, 100)))
    put("talk.wav", b"RIFF")
    rectangle = {
        "original_width": 200,
        "original_height": 100,
        "image_rotation": 0,
        "value": {"x": 25, "y": 50, "width": 10, "height": 20, "rotation": 0, "rectanglelabels": ["cat"]},
        "id": "Dx_aB91ISN",
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
        "origin": "manual",
    }
    region = {
        "original_length": 30.5,
        "value": {"start": 1.25, "end": 2.5, "channel": 0, "labels": ["speech"]},
        "id": "wavesurfer_1",
        "from_name": "labels",
        "to_name": "audio",
        "type": "labels",
    }
    turned = {**rectangle, "value": {**rectangle["value"], "rotation": 12}}  # type: ignore[dict-item]
    choice = {"value": {"choices": ["music"]}, "from_name": "c", "to_name": "audio", "type": "choices"}

    def task(
        number: int, address: dict[str, str], *results: list[object], cancelled: bool = False
    ) -> dict[str, object]:
        annotations = [{"id": number, "was_cancelled": cancelled, "result": each} for each in results]
        return {"id": number, "annotations": annotations, "data": address, "predictions": []}

    tasks = [
        task(1, {"image": "/data/upload/1/0a1b2c3d-cat.png"}, [rectangle]),
        task(2, {"audio": "/data/local-files/?d=sounds/talk.wav"}, [choice], [region]),
        task(3, {"audio": "s3://bucket/talk.wav"}, [choice], cancelled=True),
        task(4, {"image": "/data/upload/1/dog.png"}, [rectangle]),
        task(5, {"image": "cat.png"}, [turned]),
        task(6, {"image": "cat.png"}, [{"type": "brushlabels", "value": {"rle": [1]}}]),
    ]
    put("project-1-at-2026.json", json.dumps(tasks))
    found = format_named("labelstudio").read(tmp_path, None)
    assert [(one.name, one.kind, one.boxes, one.spans) for one in found.items] == [
        ("cat.png", Kind.BOXES, (LabelledBox("cat", 50.0, 50.0, 20.0, 20.0),), ()),
        ("talk.wav", Kind.SPANS, (), (LabelledSpan("speech", 1.25, 2.5),)),
        ("talk.wav", None, (), ()),
    ]
    assert [problem.partition(": ")[0][-6:] for problem in found.problems] == ["task 4", "task 5", "task 6"]


def test_annotations_of_coco(put: Put, tmp_path: Path) -> None:
    put("train2017/1.png", picture(1))
    put("train2017/2.png", picture(2))
    put("train2017/3.png", picture(3))
    whole = {
        "categories": [{"id": 18, "name": "dog", "supercategory": "animal"}],
        "images": [
            {"id": 9, "file_name": "train2017/1.png", "width": 64, "height": 48},
            {"id": 10, "file_name": "train2017/2.png", "width": 64, "height": 48},
            {"id": 11, "file_name": "train2017/3.png", "width": 64, "height": 48},
            {"id": 12, "file_name": "/etc/passwd", "width": 1, "height": 1},
        ],
        "annotations": [
            {"id": 1, "image_id": 9, "category_id": 18, "bbox": [1.5, 2, 3, 4], "area": 12, "iscrowd": 0},
            {"id": 2, "image_id": 11, "category_id": 99, "bbox": [1, 2, 3, 4]},
            {"id": 3, "image_id": 11, "category_id": 18, "bbox": [1, 2, 0, 4]},
        ],
    }
    put("instances.json", json.dumps(whole))
    found = format_named("coco").read(tmp_path, None)
    assert [(one.name, one.boxes) for one in found.items] == [
        ("train2017/1.png", (LabelledBox("dog", 1.5, 2.0, 3.0, 4.0),)),
        ("train2017/2.png", ()),
    ]
    assert len(found.problems) == 4
    assert "/etc/passwd" in found.problems[-1]


def test_yolo_as_roboflow_lays_it_out(put: Put, tmp_path: Path) -> None:
    put("data.yaml", "train: ../train/images\nnc: 2\nnames: [cat, dog]\n")
    for number in range(4):
        put(f"train/images/{number}.png", picture(number, (200, 100)))
    put("train/labels/0.txt", "1 0.5 0.5 0.25 0.5\n\n")
    put("train/labels/1.txt", "7 0.5 0.5 0.25 0.5\n")
    put("train/labels/2.txt", "0 0.1 0.1 0.2 0.1 0.2 0.2\n")
    found = format_named("yolo").read(tmp_path, None)
    assert [(one.name, one.boxes) for one in found.items] == [
        ("train/images/0.png", (LabelledBox("dog", 75.0, 25.0, 50.0, 50.0),)),
        ("train/images/3.png", ()),
    ]
    assert ["the class 7" in found.problems[0], "7 numbers" in found.problems[1]] == [True, True]


def test_lists_of_cutting_rooms_and_of_players(put: Put, tmp_path: Path) -> None:
    for name in ("evening.mp4", "night.mp4", "drop.mp4", "torn.mp4"):
        put(name, name)
    event = "001  TAPE1    AA/V  D    012 00:00:01:05 00:00:02:00 01:00:01:05 01:00:02:00\n"
    put("evening.edl", f"TITLE: x\nFCM: NON-DROP FRAME\n{event}* COMMENT: nothing\n* LABEL: advert\n{event}")
    put("night.edl", "83.5 120 3\n130 140 1\n")
    put("drop.edl", f"TITLE: x\nFCM: DROP FRAME\n{event}")
    put("torn.edl", f"TITLE: x\n{event}002 no event\n003 AX V C 00:00:03:00 00:00:03:25 00:00:03:00 00:00:03:25\n")
    found = format_named("edl").read(tmp_path, None)
    assert [(one.name, one.spans) for one in found.items] == [
        ("evening.mp4", (LabelledSpan("advert", 1.2, 2.0), LabelledSpan("break", 1.2, 2.0))),
        ("night.mp4", (LabelledSpan("break", 83.5, 120.0),)),
    ]
    assert sorted(problem.partition(":")[0] for problem in found.problems) == [
        "drop.edl",
        "torn.edl, line 3",
        "torn.edl, line 4",
    ]


@pytest.mark.parametrize("name", ["csv", "jsonl", "labelstudio", "coco", "yolo", "edl"])
def test_a_folder_without_the_formats_own_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="holds no"):
        format_named(name).read(tmp_path, None)


@pytest.mark.parametrize("name", ["labelstudio", "coco"])
@pytest.mark.parametrize("content", ["{", '{"a": 1}', "[" * 100_000, "7"])
def test_json_of_something_else(name: str, content: str, put: Put, tmp_path: Path) -> None:
    put("x.json", content)
    with pytest.raises(InvalidInput, match=r"x\.json"):
        format_named(name).read(tmp_path, None)


def test_a_format_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(NotFound, match="folder, csv, jsonl, labelstudio, coco, yolo, edl"):
        format_named("pascal")


@pytest.mark.parametrize("name", ["../out.wav", "/tmp/out.wav", "a/../../out.wav", "..\\out.wav", "C:\\out.wav"])
def test_no_archive_writes_outside_of_its_folder(name: str, tmp_path: Path) -> None:
    archive = tmp_path / "bad.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("dog/good.wav", b"1")
        packed.writestr(name, b"2")
    with pytest.raises(InvalidInput, match="outside of its folder"), opened(archive):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["bad.zip"]


def test_an_archive_that_unpacks_to_too_much(tmp_path: Path) -> None:
    archive = tmp_path / "large.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("dog/zeros.wav", bytes(2_000_000))
    with pytest.raises(InputTooLarge, match="2 MB"), opened(archive, most_bytes=1_000_000):
        pass


def test_a_damaged_archive(tmp_path: Path) -> None:
    archive = tmp_path / "damaged.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("dog/one.wav", b"0123456789" * 100)
    content = bytearray(archive.read_bytes())
    content[60] ^= 0xFF
    archive.write_bytes(bytes(content))
    with pytest.raises(InvalidInput, match="damaged"), opened(archive):
        pass


@pytest.mark.parametrize(("inside", "label"), [("mine/dog/one.wav", "dog"), ("dog/one.wav", "dog")])
def test_a_packed_folder_is_the_same_as_what_is_in_it(inside: str, label: str, tmp_path: Path) -> None:
    archive = tmp_path / "mine.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(inside, b"1")
        packed.writestr("__MACOSX/._one.wav", b"2")
    with opened(archive) as (folder, table):
        assert [one.label for one in format_named("folder").read(folder, table).items] == [label]
