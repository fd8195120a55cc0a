"""Every refusal, with its number, its limit and what to do; and who is enrolled after all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import InvalidInput
from pipit.faces.enrolment import judge
from pipit.faces.gallery import EMPTY, Consent, Gallery, Person, Template, Vector
from pipit.faces.likeness import Likeness
from pipit.faces.quality import Quality, QualityLimits
from pipit.faces.verdicts import Picture, Reason, Report, Sighting, View

EMBEDDER = "e" * 64
LIMITS = QualityLimits(box=100, eyes=30, sharpness=0.1, yaw=35, dark=0.2, bright=0.9)
LIKENESS = Likeness(duplicate=0.95, alike=0.3, known=0.5)
DIMENSIONS = 256


def vector(person: int, picture: int = 0, spread: float = 0.6) -> Vector:
    """Of one person's picture: two of them have a cosine of about 1 - spread**2, those of two people about 0."""
    center = np.random.default_rng(person).normal(size=DIMENSIONS)
    noise = np.random.default_rng(1000 * person + picture + 7).normal(size=DIMENSIONS)
    noise -= noise @ center / (center @ center) * center
    value = np.sqrt(1 - spread**2) * center / np.linalg.norm(center) + spread * noise / np.linalg.norm(noise)
    return np.asarray(value / np.linalg.norm(value), np.float32)


def face(person: int = 1, picture: int = 0, **measured: float) -> Sighting:
    good = {"box": 150.0, "eyes": 60.0, "sharpness": 0.3, "yaw": 0.0, "exposure": 0.5, "score": 0.8}
    return Sighting(vector(person, picture), Quality(**(good | measured)))


def picture(number: int, *faces: Sighting, problem: str = "") -> Picture:
    return Picture(f"{number}.jpg", f"{number:064x}", faces, problem)


def pictures(count: int, person: int = 1) -> list[Picture]:
    yaws = (0.0, -20.0, 20.0)
    return [picture(i + 100 * person, face(person, i, yaw=yaws[i % 3])) for i in range(count)]


def known(name: str, person: int, identity: str = "a" * 32, embedder: str = EMBEDDER) -> Person:
    templates = tuple(Template(vector(person, 50 + i), embedder, 0.8, f"{person}{i}".rjust(64, "f")) for i in range(5))
    return Person(identity, name, Consent(name, "2026-11-28T00:00:00Z", "door"), templates)


def look(given: list[Picture], *people: Person, person: Person | None = None, **options: Any) -> Report:
    return judge(given, Gallery("home", 3, people), person, EMBEDDER, LIMITS, LIKENESS, **options)


def reasons(report: Report) -> list[list[str]]:
    return [[refusal.reason.value for refusal in verdict.refusals] for verdict in report.verdicts]


def test_five_good_pictures_from_all_sides_need_no_advice() -> None:
    report = look(pictures(5), known("Bob", 2))
    assert reasons(report) == [[]] * 5
    assert (report.warnings, report.missing_views) == ((), ())
    templates = report.templates(EMBEDDER, keep_crops=False)
    assert [template.source for template in templates] == [f"{i + 100:064x}" for i in range(5)]
    assert all(template.embedder == EMBEDDER and template.crop == b"" for template in templates)
    np.testing.assert_array_equal(templates[3].vector, vector(1, 3))


@pytest.mark.parametrize(
    ("measured", "reason", "value", "limit", "says"),
    [
        ({"box": 20.0}, Reason.SMALL, 20.0, 100.0, "20 pixels wide, and 100 are needed; come nearer"),
        ({"eyes": 18.4}, Reason.EYES, 18.4, 30.0, "18 pixels apart, and 30 are needed"),
        ({"sharpness": 0.04}, Reason.BLURRED, 0.04, 0.1, "sharpness 0.04, and 0.1 is needed; hold still"),
        ({"yaw": -48.0}, Reason.TURNED, 48.0, 35.0, "48 degrees to the picture's left, and 35 are allowed; look more"),
        ({"exposure": 0.1}, Reason.DARK, 0.1, 0.2, "brightness 0.10, and at least 0.20 is needed; put light"),
        ({"exposure": 0.95}, Reason.BRIGHT, 0.95, 0.9, "brightness 0.95, and at most 0.90 is allowed; step out"),
    ],
)
def test_a_face_that_is_no_good_is_refused_with_number_limit_and_advice(
    measured: dict[str, float], reason: Reason, value: float, limit: float, says: str
) -> None:
    report = look([picture(1, face(**measured))])
    (refusal,) = report.verdicts[0].refusals
    assert (refusal.reason, refusal.value, refusal.limit) == (reason, value, limit)
    assert says in refusal.message


def test_values_at_their_limits_are_good() -> None:
    dark = face(1, 0, box=100, eyes=30, sharpness=0.1, yaw=-35, exposure=0.2)
    bright = face(1, 1, box=100, eyes=30, sharpness=0.1, yaw=35, exposure=0.9)
    assert reasons(look([picture(1, dark), picture(2, bright)])) == [[], []]


def test_all_that_is_wrong_is_said_at_once() -> None:
    report = look([picture(1, face(box=20, eyes=8, exposure=0.05))])
    assert reasons(report) == [["small", "eyes close", "dark"]]


def test_pictures_without_a_face_or_with_five() -> None:
    crowd = picture(2, *(face(person, box=200 - person) for person in range(5)))
    broken = picture(3, problem="it is no picture")
    report = look([picture(1), crowd, broken])
    assert reasons(report) == [["no face"], ["several faces"], ["unreadable"]]
    assert "5 faces were found, and one is needed; cut the others off" in report.verdicts[1].refusals[0].message
    assert report.verdicts[2].refusals[0].message == "it is no picture"
    with pytest.raises(InvalidInput, match=r"nobody was enrolled: none of the 3 pictures can be used; 1.jpg: no face"):
        report.templates(EMBEDDER, keep_crops=True)


def test_the_largest_of_several_faces_may_be_chosen() -> None:
    crowd = picture(2, replace(face(4, box=300), crop=b"png"), face(5, box=150))
    report = look([crowd], largest=True)
    (template,) = report.templates(EMBEDDER, keep_crops=True)
    np.testing.assert_array_equal(template.vector, vector(4))
    assert template.crop == b"png"


def test_the_same_file_twice_and_nearly_the_same_picture() -> None:
    first, second = picture(1, face(1, 0)), picture(2, face(1, 1))
    blink = replace(first.faces[0], vector=vector(1, 0) * np.float32(0.99) + vector(1, 1) * np.float32(0.02))
    report = look([first, second, Picture("copy.jpg", first.source, first.faces), picture(3, blink)])
    assert reasons(report) == [[], [], ["same picture"], ["nearly the same"]]
    assert report.verdicts[2].refusals[0].message == "it is the same file as 1.jpg; leave one out"
    duplicate = report.verdicts[3].refusals[0]
    assert duplicate.value is not None
    assert 0.95 < duplicate.value <= 1.01
    assert "nearly the same as 1.jpg" in duplicate.message


def test_what_is_enrolled_already_is_not_enrolled_again() -> None:
    anna = known("Anna", 1)
    same = anna.templates[0]
    report = look([Picture("again.jpg", same.source, (face(1, 50),)), picture(9, face(1, 51))], anna, person=anna)
    assert reasons(report) == [["same picture"], ["nearly the same"]]
    assert "a picture that is enrolled already" in report.verdicts[1].refusals[0].message


def test_another_person_among_ten() -> None:
    ten = [*pictures(9), picture(77, face(3))]
    report = look(ten)
    assert reasons(report) == [[]] * 9 + [["another person"]]
    refusal = report.verdicts[9].refusals[0]
    assert refusal.limit == 0.3
    assert refusal.value is not None
    assert refusal.value < 0.3
    assert "leave out pictures of other people" in refusal.message


def test_one_stranger_among_three_spoils_only_itself() -> None:
    assert reasons(look([*pictures(2), picture(77, face(3))])) == [[], [], ["another person"]]


def test_of_two_people_with_as_many_pictures_nobody_is_enrolled() -> None:
    assert reasons(look([*pictures(4), *pictures(4, person=2)])) == [["another person"]] * 8


def test_pictures_of_somebody_else_are_not_added_to_a_person() -> None:
    anna = known("Anna", 1)
    assert reasons(look([*pictures(1, person=1), *pictures(1, person=3)], anna, person=anna)) == [
        [],
        ["another person"],
    ]


def test_somebody_who_is_known_is_not_enrolled_under_another_name() -> None:
    anna, bob = known("Anna", 1), known("Bob", 2, "b" * 32)
    mean = np.mean([template.vector for template in anna.templates], axis=0)
    near = np.asarray(mean / np.linalg.norm(mean), np.float32)
    tilted = [np.asarray(near * 0.9 + vector(20 + i) * 0.435, np.float32) for i in range(3)]
    given = [picture(i, replace(face(), vector=v / np.linalg.norm(v))) for i, v in enumerate(tilted)]
    report = look(given, anna, bob)
    assert reasons(report) == [["somebody known"]] * 3
    assert "it looks like Anna, who is known" in report.verdicts[0].refusals[0].message
    assert reasons(look(given, anna, bob, person=anna)) == [[]] * 3


def test_a_single_picture_of_somebody_known() -> None:
    anna = known("Anna", 1)
    report = look([picture(1, face(1, 3))], anna)
    assert reasons(report) == [["somebody known"]]
    assert report.verdicts[0].refusals[0].limit == 0.5


def test_templates_of_another_embedder_say_nothing() -> None:
    before = known("Anna", 1, embedder="0" * 64)
    assert reasons(look(pictures(3), before)) == [[]] * 3


def test_few_pictures_and_missing_views_are_told() -> None:
    one = look([picture(1, face())])
    assert one.missing_views == (View.LEFT, View.RIGHT)
    assert one.warnings == (
        "1 picture is few: 5 to 10 from different sides and days make a face known better",
        "no picture looks to the left and none to the right: add one",
    )
    assert look(pictures(2)).missing_views == (View.RIGHT,)
    anna = known("Anna", 1)
    assert look(pictures(1), anna, person=anna).warnings == ()


def test_nobody_is_enrolled_without_pictures() -> None:
    with pytest.raises(InvalidInput, match="no picture was sent; give 5 to 10"):
        judge([], EMPTY, None, EMBEDDER, LIMITS, LIKENESS).templates(EMBEDDER, keep_crops=False)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 9)), max_size=12), st.integers(0, 2))
def test_whatever_comes_those_accepted_are_of_one_person_and_none_is_twice(
    given_faces: list[tuple[int, int]], already: int
) -> None:
    people = [known(str(person), person, f"{person:032x}") for person in range(1, already + 1)]
    report = look([picture(person * 100 + i, face(person, i)) for person, i in given_faces], *people)
    faces = [verdict.face for verdict in report.accepted if verdict.face is not None]
    matrix = np.array([one.vector for one in faces]).reshape(-1, DIMENSIONS)
    cosines = matrix @ matrix.T
    assert np.all(cosines[~np.eye(len(faces), dtype=bool)] <= 0.95)
    assert len({verdict.picture.source for verdict in report.accepted}) == len(report.accepted)
    if len(faces) > 1:
        assert np.median(cosines, axis=1).min() >= 0.25
