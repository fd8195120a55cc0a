"""Layouts of people, who does what, and every file that can't be used by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from home_security.faces.data import ENROL, PROBE, UNKNOWN, FacePicture, check_folder, list_faces
from home_security.faces.recipe import FaceSplit
from home_security.faces.sides import COHORT, LIMITS, VALIDATION, choose_sides
from home_security.faces.synthetic import draw_face, encoded
from pipit.errors import InvalidInput, NotFound


@pytest.fixture(scope="module")
def drawings() -> list[bytes]:
    return [encoded(draw_face(number, np.random.default_rng(number)), "JPEG").data for number in range(6)]


@pytest.fixture
def people(tmp_path: Path, drawings: list[bytes]) -> Path:
    """Anna with five pictures, Bert with two, one stranger."""
    for number in range(5):
        write(tmp_path / "known" / "anna" / f"{number}.jpg", drawings[number])
    for number in range(2):
        write(tmp_path / "known" / "bert" / f"{number}.jpg", drawings[number])
    write(tmp_path / "unknown" / "postman" / "0.jpg", drawings[5])
    return tmp_path


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def nothing(_done: int, _all: int) -> None:
    return


def test_folders_of_people(people: Path) -> None:
    listing = list_faces(people)
    assert listing.problems == ()
    roles = {picture.name: picture.role for picture in listing.items}
    assert [roles[f"known/anna/{number}.jpg"] for number in range(5)] == [ENROL] * 3 + [PROBE] * 2
    assert [roles[f"known/bert/{number}.jpg"] for number in range(2)] == [ENROL, PROBE]
    assert roles["unknown/postman/0.jpg"] == UNKNOWN
    assert {picture.person for picture in listing.items} == {"known/anna", "known/bert", "unknown/postman"}
    assert set(listing.files) == set(roles)


def test_of_many_pictures_ten_enrol(tmp_path: Path, drawings: list[bytes]) -> None:
    for number in range(30):
        write(tmp_path / "known" / "anna" / f"{number:02d}.jpg", drawings[0])
    assert [picture.role for picture in list_faces(tmp_path).items] == [ENROL] * 10 + [PROBE] * 20


def test_a_table_says_who_does_what(tmp_path: Path, drawings: list[bytes]) -> None:
    write(tmp_path / "a" / "1.jpg", drawings[0])
    write(tmp_path / "a" / "2.jpg", drawings[1])
    write(tmp_path / "b" / "1.jpg", drawings[2])
    rows = "a/1.jpg,anna,probe\na/2.jpg,anna,enrol\nb/1.jpg,bob,unknown\n"
    (tmp_path / "split.csv").write_text("filename,person,role\n" + rows)
    listing = list_faces(tmp_path)
    assert [(one.name, one.person, one.role) for one in listing.items] == [
        ("a/1.jpg", "anna", PROBE),
        ("a/2.jpg", "anna", ENROL),
        ("b/1.jpg", "bob", UNKNOWN),
    ]
    assert "split.csv" in listing.files
    bad = "a/9.jpg,anna,probe\na/1.jpg,,probe\na/1.jpg,anna,boss\n../x.jpg,anna,probe\nsplit.csv,anna,probe\n"
    (tmp_path / "split.csv").write_text("filename,person,role\n" + rows + bad)
    problems = list_faces(tmp_path).problems
    assert len(problems) == 5
    for problem, line, what in zip(
        problems,
        range(5, 10),
        ("there is no file", "needs a person", "not 'anna' and 'boss'", "outside", "no picture"),
        strict=True,
    ):
        assert what in problem
        assert "no picture" in what or f"line {line}" in problem


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("name,who\n", "needs the columns filename, person and role"),
        ("filename,person,role\na.jpg,anna,probe\na.jpg,anna,enrol\n", "twice, for example a.jpg"),
        ("filename,person,role\na.jpg,anna,probe\nb.jpg,anna,unknown\n", "both known and unknown"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(
    tmp_path: Path, drawings: list[bytes], table: str, message: str
) -> None:
    for name in ("a.jpg", "b.jpg"):
        write(tmp_path / name, drawings[0])
    (tmp_path / "split.csv").write_text(table)
    with pytest.raises(InvalidInput, match=message):
        list_faces(tmp_path)


def test_folders_in_no_layout_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="put pictures at known/<person>/"):
        list_faces(tmp_path)
    with pytest.raises(NotFound, match="not a folder"):
        check_folder(tmp_path / "gone", nothing)
    (tmp_path / "known").mkdir()
    with pytest.raises(NotFound, match="holds no pictures"):
        check_folder(tmp_path, nothing)


def test_the_check_names_every_bad_file_and_every_twin(people: Path, drawings: list[bytes]) -> None:
    write(people / "known" / "anna" / "broken.jpg", drawings[0][:500])
    write(people / "known" / "anna" / "notes.txt", b"hello")
    write(people / "known" / "loose.jpg", drawings[0])
    shutil.copy(people / "known" / "anna" / "0.jpg", people / "known" / "anna" / "copy.jpg")
    write(people / "known" / "anna" / ".hidden", b"")
    report = check_folder(people, nothing)
    assert report.classes == {"known": 8, "unknown": 1}
    assert report.recordings == 3
    assert report.layout == "people"
    for name in ("broken.jpg", "notes.txt", "loose.jpg"):
        assert sum(name in problem for problem in report.problems) == 1
    assert len(report.problems) == 3
    notes = "\n".join(report.notes)
    assert "known/bert: only 2 pictures; 5 to 10 are needed" in notes
    assert "2 people to be known, 1 strangers" in notes
    assert "the second is left out: known/anna/0.jpg and known/anna/copy.jpg" in notes
    assert "of two people: is one of them misplaced?: known/anna/0.jpg and known/bert/0.jpg" in notes


def listed(known: int, strangers: int) -> list[FacePicture]:
    roles = [(f"k{number:03d}", ENROL) for number in range(known)]
    roles += [(f"s{number:03d}", UNKNOWN) for number in range(strangers)]
    return [FacePicture(Path(person), person, person, role) for person, role in roles]


def sizes(sides: dict[str, str]) -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {}
    for person, side in sides.items():
        counts[person[0], side] = counts.get((person[0], side), 0) + 1
    return counts


def test_sides_are_by_person_and_apart() -> None:
    sides = choose_sides(listed(100, 100), FaceSplit(), 1)
    assert len(sides) == 200
    assert sizes(sides) == {
        ("s", COHORT): 40,
        ("s", LIMITS): 30,
        ("s", VALIDATION): 30,
        ("k", LIMITS): 25,
        ("k", VALIDATION): 75,
    }
    assert sides == choose_sides(listed(100, 100), FaceSplit(), 1)
    assert sides != choose_sides(listed(100, 100), FaceSplit(), 2)


def test_few_people_all_validate() -> None:
    assert sizes(choose_sides(listed(3, 14), FaceSplit(), 1)) == {
        ("s", COHORT): 10,
        ("s", VALIDATION): 4,
        ("k", VALIDATION): 3,
    }
    with pytest.raises(InvalidInput, match="9 strangers are too few"):
        choose_sides(listed(3, 9), FaceSplit(), 1)
    with pytest.raises(InvalidInput, match="nobody is to be known"):
        choose_sides(listed(0, 20), FaceSplit(), 1)
