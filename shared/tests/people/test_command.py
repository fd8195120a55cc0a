"""`pipit faces` as a person calls it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pipit.cli.exit_codes import ExitCode

AGREED = ("--consent-by", "Anna", "--purpose", "the front door")
Until = Callable[[Callable[[], bool]], None]
Faces = Callable[..., Any]


@pytest.fixture
def faces(pipit: Any, server: Any, monkeypatch: pytest.MonkeyPatch) -> Faces:
    """`faces("list")`, of the server."""
    monkeypatch.setenv("PIPIT_SERVER", f"127.0.0.1:{server.port}")
    return lambda *arguments, **options: pipit("faces", *arguments, **options)


def test_a_folder_of_pictures_makes_somebody_known(faces: Faces, pictures: Any) -> None:
    folder = pictures.files(1, 3)[0].parent
    (folder / "notes.txt").write_text("not a picture")
    pictures.file("pictures/tiny.png", pictures.of(1, side=20, variation=9))
    called = faces("enrol", "Anna", folder, *AGREED, "--until", "2099-06-30")
    assert called.code == 0
    rows = [" ".join(line.split()) for line in called.out.splitlines()]
    assert "1-0.png yes 120 0.75 left" in rows
    assert any(
        row.startswith("tiny.png no 20 0.75 left the face is 20 pixels wide, and 100 are needed") for row in rows
    )
    assert any("good pictures: 3 of 4; Anna (" in row and "is known by 3, at revision 1" in row for row in rows)
    assert called.err == "pipit: 3 pictures are few: 5 to 10 from different sides and days make a face known better\n"
    listed = faces("list")
    assert any(line.split()[:4] == ["Anna", "3", "yes", "Anna"] for line in listed.out.splitlines())
    assert "2099-06-30" in listed.out


def test_json_is_all_there_is_on_standard_output(faces: Faces, pictures: Any) -> None:
    enrolled = faces("enrol", "Anna", *pictures.files(1), *AGREED, "--json").json()
    assert (enrolled["accepted"], enrolled["revision"], enrolled["person"]["name"]) == (5, 1, "Anna")
    assert enrolled["verdicts"][0]["refusals"] == []
    (person,) = faces("list", "--json").json()
    assert person["consent"] == {
        "by": "Anna",
        "at": person["consent"]["at"],
        "purpose": "the front door",
        "until": "",
        "keep_crops": False,
    }


def test_pictures_that_are_no_use_are_shown_before_the_error(faces: Faces, pictures: Any) -> None:
    small = pictures.file("small.png", pictures.of(1, side=20))
    called = faces("enrol", "Anna", small, *AGREED)
    assert called.code == ExitCode.BAD_INPUT
    assert "20 pixels wide" in called.out
    assert called.err.startswith("pipit: nobody was enrolled: the picture can't be used; small.png: the face is 20")
    told = faces("enrol", "Anna", small, *AGREED, "--json")
    assert told.code == ExitCode.BAD_INPUT
    assert told.json()["person"] is None
    assert [one["reason"] for one in told.json()["verdicts"][0]["refusals"]] == ["small", "eyes close"]
    checked = faces("check", small)
    assert checked.code == ExitCode.CHECK_FAILED
    assert "good pictures: 0 of 1; nothing was kept" in checked.out
    assert faces("list").out == "nobody is known; pipit faces enrol NAME PICTURES... makes somebody known\n"


def test_nobody_is_enrolled_without_saying_who_agreed(faces: Faces, pictures: Any) -> None:
    assert faces("enrol", "Anna", *pictures.files(1)).code == ExitCode.USAGE
    assert faces("enrol", "Anna", *pictures.files(1), "--consent-by", "Anna").code == ExitCode.USAGE


def test_files_that_are_not_there(faces: Faces, tmp_path: Path) -> None:
    assert faces("check", tmp_path / "none.jpg").code == ExitCode.NOT_FOUND
    (tmp_path / "empty").mkdir()
    called = faces("check", tmp_path / "empty")
    assert (called.code, "holds no picture" in called.err) == (ExitCode.NOT_FOUND, True)
    (tmp_path / "bell.wav").write_bytes(b"RIFF1234WAVE")
    assert faces("check", tmp_path / "bell.wav").code == ExitCode.BAD_INPUT


def test_forgetting_asks_first(faces: Faces, pictures: Any, tmp_path: Path, until: Until) -> None:
    faces("enrol", "Anna", *pictures.files(1), *AGREED)
    until(lambda: bool(list((tmp_path / "galleries/store/galleries/home/devices").glob("*.json"))))
    called = faces("forget", "Anna", answer="n\n")
    assert called.code == ExitCode.INTERNAL
    assert "Forget 'Anna' for good, on every device?" in called.err
    assert "Anna" in faces("list").out
    called = faces("forget", "Anna", answer="y\n")
    assert called.code == 0
    assert "is forgotten, at revision 2 of the gallery" in called.out
    device = next(line.split() for line in called.out.splitlines() if line.split()[1:2] in (["yes"], ["no"]))
    assert device[1:] == ["yes", "2"]
    assert "not yet" not in called.out
    assert faces("forget", "Anna", "--yes").code == ExitCode.NOT_FOUND


def test_everything_that_is_held_is_written_to_a_folder(faces: Faces, pictures: Any, tmp_path: Path) -> None:
    faces("enrol", "Anna", *pictures.files(1), *AGREED, "--keep-crops")
    called = faces("export", "Anna", "--to", tmp_path / "anna")
    assert called.out.strip().endswith("person.json, 5 pictures of the face")
    assert len(list((tmp_path / "anna").glob("*.png"))) == 5
    held = faces("export", "Anna", "--json").json()
    assert len(held["templates"]) == 5
    assert held["person"]["consent"]["keep_crops"] is True


def test_unknown_faces_are_not_kept_here(faces: Faces) -> None:
    called = faces("unknown")
    assert called.out.startswith("this server keeps no unknown faces; PIPIT_SERVING_KEEP_UNKNOWN=true")
    assert faces("ignore", "7c21ab90").code == ExitCode.NOT_FOUND


def test_a_picture_is_told_not_to_be_somebody(faces: Faces, pictures: Any) -> None:
    faces("enrol", "Anna", *pictures.files(1), *AGREED)
    called = faces("not", pictures.file("wrong.png", pictures.of(1, variation=8)), "Anna")
    assert (called.code, called.out) == (0, "faces that are not Anna's: 1\n")


def test_unknown_faces_are_named_and_ignored(
    serve: Any, pipit: Any, pictures: Any, until: Until, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIPIT_SERVER", f"127.0.0.1:{serve(keep_unknown=True).port}")
    for person in (1, 2):
        for path in pictures.files(person, 3):
            assert pipit("classify", path).code == 0
    until(lambda: len(pipit("faces", "unknown", "--json").json()["clusters"]) == 2)
    seen = pipit("faces", "unknown", "--to", tmp_path / "seen")
    assert "clusters: 2; faces that were seen less than three times: 0" in seen.out
    one, two = (cluster["id"] for cluster in pipit("faces", "unknown", "--json").json()["clusters"])
    assert sorted(path.name for path in (tmp_path / "seen").iterdir()) == sorted([f"{one}.png", f"{two}.png"])
    named = pipit("faces", "name", one, "Jo", *AGREED)
    assert (named.code, "Jo (" in named.out) == (0, True)
    assert pipit("faces", "ignore", two).out == "shown no more: 3 faces\n"
    assert pipit("faces", "unknown", "--json").json()["clusters"] == []


def test_an_answer_is_drawn_with_name_or_unknown_and_its_box(
    faces: Faces, pipit: Any, pictures: Any, until: Until, tmp_path: Path
) -> None:
    faces("enrol", "Anna", *pictures.files(1), *AGREED)
    door = pictures.file("door.png", pictures.of(1, 2, variation=7, side=200))
    until(lambda: pipit("classify", door, "--json").json()[0]["predictions"][0]["label"] == "Anna")
    called = pipit("classify", door, "--draw", tmp_path / "out.png")
    assert called.code == 0
    rows = [" ".join(line.split()) for line in called.out.splitlines()]
    assert any("Anna Anna 0.750 yes" in row for row in rows)
    assert any("unknown" in row for row in rows)
    predictions = pipit("classify", door, "--json").json()[0]["predictions"]
    assert [part["quality"] for part in predictions] == [0.75, 0.75]
    before, after = (np.asarray(Image.open(path).convert("RGB")).astype(int) for path in (door, tmp_path / "out.png"))
    changed = np.abs(after - before).sum(axis=2) > 30
    # Both boxes are drawn, and something is written at each.
    for left, side in ((40, 200), (280, 198)):
        assert changed[40 : 40 + side, left].mean() > 0.9
        assert changed[42 : 42 + side // 3, left + 8 : left + side - 8].any()
