"""Names, or unknown: the limit, the margin, strangers, and what somebody is not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.faces.cohort import pack_cohort, unpack_cohort
from pipit.faces.gallery import EMPTY, Consent, Gallery, Person, Template
from pipit.faces.naming import Method, Namer, NamingSettings, best_first, naming_settings_of
from pipit.faces.operating import OperatingPoints

DIMENSIONS = 64
EMBEDDER = "e" * 64
METHODS: tuple[Method, ...] = ("cosine", "svm", "both")
LIMITS = {"cosine": 7.0, "svm": 0.2, "both": 0.9}
Vectors = NDArray[np.float32]


def unit(values: NDArray[np.floating]) -> Vectors:
    return np.asarray(values / np.linalg.norm(values, axis=-1, keepdims=True), np.float32)


GENERATOR = np.random.default_rng(11)
CENTRES = GENERATOR.normal(size=(40, DIMENSIONS))
COHORT = unit(GENERATOR.normal(size=(80, DIMENSIONS)))
STRANGERS = unit(GENERATOR.normal(size=(300, DIMENSIONS)))


def faces(person: int, count: int, seed: int) -> Vectors:
    noise = np.random.default_rng((person, seed)).normal(0.0, 0.6, (count, DIMENSIONS))
    return unit(CENTRES[person] + noise)


def templates(vectors: Vectors, embedder: str = EMBEDDER) -> tuple[Template, ...]:
    return tuple(Template(vector, embedder, 1.0, "0" * 64) for vector in vectors)


def person(number: int, not_this: Sequence[Template] = ()) -> Person:
    consent = Consent("themselves", "2026-01-01T00:00:00Z", "the door")
    return Person(f"{number:032x}", f"person {number}", consent, templates(faces(number, 5, 0)), tuple(not_this))


def gallery(people: int) -> Gallery:
    return Gallery("home", 1, tuple(person(number) for number in range(people)))


def settings(method: Method, margin: float = 0.0, shown: int = 5) -> NamingSettings:
    points = OperatingPoints((0.01,), (1,), ((LIMITS[method],),), 0.5)
    return NamingSettings(method, 0.01, points, margin, nearest=20, shown=shown)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("people", [1, 2, 40])
def test_names_the_right_people_and_no_stranger(method: Method, people: int) -> None:
    namer = Namer(gallery(people), COHORT, settings(method), EMBEDDER)
    for number in range(people):
        for naming in namer.name(faces(number, 4, 1)):
            assert naming.named is not None
            assert naming.named.name == f"person {number}"
            assert naming.scores[0].person is naming.named
            assert naming.scores[0].score >= 0.5
            assert len(naming.scores) == min(people, 5)
    assert [naming.named for naming in namer.name(STRANGERS)] == [None] * len(STRANGERS)


@pytest.mark.parametrize("method", METHODS)
def test_scores_fall_and_half_is_the_limit(method: Method) -> None:
    namer = Namer(gallery(6), COHORT, settings(method), EMBEDDER)
    asked = np.concatenate([faces(2, 20, 3), STRANGERS])
    raw = namer.compare(asked)
    for row, naming in zip(raw, namer.name(asked), strict=True):
        listed = [one.score for one in naming.scores]
        assert listed == sorted(listed, reverse=True)
        assert naming.scores[0].person.name == f"person {row.argmax()}"
        assert (naming.named is not None) == (row.max() >= LIMITS[method])
        assert listed[0] == pytest.approx(1 / (1 + np.exp(-(row.max() - LIMITS[method]) / 0.5)), abs=1e-6)


def test_an_empty_gallery_knows_nobody() -> None:
    for known in (EMPTY, Gallery("home", 3, (Person("0" * 32, "x", Consent("", "", ""), ()),))):
        namer = Namer(known, COHORT, settings("both"), EMBEDDER)
        assert namer.people == ()
        assert [(one.scores, one.named) for one in namer.name(STRANGERS[:2])] == [((), None)] * 2


def test_templates_of_another_embedder_are_left_out() -> None:
    old = Person("a" * 32, "old", Consent("", "", ""), templates(faces(7, 5, 0), "another"))
    half = Person("b" * 32, "half", Consent("", "", ""), (*templates(faces(8, 3, 0)), *templates(STRANGERS[:3], "x")))
    namer = Namer(Gallery("home", 1, (old, half)), COHORT, settings("both"), EMBEDDER)
    assert [one.name for one in namer.people] == ["half"]
    assert namer.name(faces(7, 1, 1))[0].named is None
    assert namer.name(faces(8, 1, 1))[0].named is half


@pytest.mark.parametrize("method", METHODS)
def test_two_that_look_alike_are_not_told_apart_by_a_hair(method: Method) -> None:
    twin = Person("f" * 32, "twin", person(0).consent, templates(faces(0, 5, 9)))
    known = Gallery("home", 1, (person(0), twin))
    asked = faces(0, 1, 4)
    strict = Namer(known, COHORT, settings(method, margin=3.0), EMBEDDER).name(asked)[0]
    assert strict.named is None
    assert strict.scores[0].score < 0.5
    alone = Namer(gallery(1), COHORT, settings(method, margin=3.0), EMBEDDER).name(asked)[0]
    assert alone.named is not None
    assert alone.margin == np.inf


@pytest.mark.parametrize("method", METHODS)
def test_not_this_holds_for_that_person_alone(method: Method) -> None:
    lookalikes = unit(CENTRES[0] + np.random.default_rng(4).normal(0.0, 0.9, (20, DIMENSIONS)) + 0.4 * CENTRES[9])
    before = Namer(gallery(2), COHORT, settings(method), EMBEDDER)
    wrong = [i for i, naming in enumerate(before.name(lookalikes)) if naming.named is not None][:2]
    assert len(wrong) == 2
    corrected = person(0, templates(lookalikes[wrong]))
    after = Namer(Gallery("home", 2, (corrected, person(1))), COHORT, settings(method), EMBEDDER)
    assert all(naming.named is None for naming in after.name(lookalikes[wrong]))
    assert all(naming.named is corrected for naming in after.name(faces(0, 4, 1)))
    np.testing.assert_allclose(after.compare(faces(1, 4, 1))[:, 1], before.compare(faces(1, 4, 1))[:, 1], atol=1e-5)


def test_both_add_up() -> None:
    people = gallery(12)
    both, cosine, svm = (Namer(people, COHORT, settings(method), EMBEDDER) for method in ("both", "cosine", "svm"))
    asked = np.concatenate([STRANGERS, faces(3, 4, 2)])
    together = svm.compare(asked) + 0.1 * cosine.compare(asked)
    np.testing.assert_allclose(both.compare(asked), together, atol=1e-5)


def test_after_a_change_the_same_is_found_as_from_nothing() -> None:
    before = Namer(gallery(10), COHORT, settings("both"), EMBEDDER)
    # One is gone, one is new, one has other pictures, and their order is another one.
    people = [person(11), *(person(number) for number in range(9, 1, -1))]
    people[3] = Person(people[3].id, people[3].name, people[3].consent, templates(faces(30, 4, 0)))
    changed = Gallery("home", 2, tuple(people))
    asked = np.concatenate([STRANGERS, *(faces(number, 2, 1) for number in range(12))])
    fresh, again = (Namer(changed, COHORT, settings("both"), EMBEDDER, old) for old in (None, before))
    np.testing.assert_allclose(again.compare(asked), fresh.compare(asked), atol=2e-5)


def test_best_first_keeps_the_order_of_equal_ones() -> None:
    assert best_first(np.array([1, 3, 3, 2, 3], np.float32), 4).tolist() == [1, 2, 4, 3]
    assert best_first(np.array([1.0], np.float32), 5).tolist() == [0]


def test_settings_go_to_a_bundle_and_back() -> None:
    given = settings("svm", margin=0.25, shown=3)
    assert naming_settings_of(given.to_parameters()) == given
    with pytest.raises(InvalidInput, match="parameters of naming are wrong"):
        naming_settings_of({"method": "svm"})
    with pytest.raises(InvalidInput, match="'guess' is not known; there are cosine, svm, both"):
        naming_settings_of(given.to_parameters() | {"method": "guess"})
    with pytest.raises(InvalidInput, match=r"no limits for the rate 0\.5"):
        naming_settings_of(given.to_parameters() | {"rate": 0.5})
    with pytest.raises(InvalidInput, match="nearest from 10"):
        naming_settings_of(given.to_parameters() | {"nearest": 2})


def test_a_cohort_goes_to_a_bundle_and_back() -> None:
    text = pack_cohort(COHORT)
    back = unpack_cohort(text, DIMENSIONS)
    assert np.abs((back * COHORT).sum(axis=1) - 1.0).max() < 1e-5
    np.testing.assert_allclose(np.linalg.norm(back, axis=1), 1.0, atol=1e-6)
    for wrong, why in (("§", "can't be read"), (pack_cohort(COHORT[:9]), "10 or more"), (pack_cohort(COHORT * 2), "1")):
        with pytest.raises(InvalidInput, match=why):
            unpack_cohort(wrong, DIMENSIONS)


def test_what_can_not_be_compared_is_refused() -> None:
    with pytest.raises(InvalidInput, match="a cohort of 10 or more strangers"):
        Namer(gallery(1), COHORT[:5], settings("cosine"), EMBEDDER)
    short = Person("c" * 32, "short", person(0).consent, templates(unit(np.ones((1, 8)))))
    with pytest.raises(InvalidInput, match="other than 64 numbers; enrol that person anew"):
        Namer(Gallery("home", 1, (short,)), COHORT, settings("cosine"), EMBEDDER)
