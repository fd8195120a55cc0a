"""Galleries that are tried on faces: what is counted, and that limits keep what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from home_security.faces.measuring import Divided, evaluate_naming
from home_security.faces.recipe import NamingRecipe
from home_security.faces.trials import FaceSet, Trial, choose_points, gallery_of, run_trial
from numpy.typing import NDArray
from pipit.errors import InvalidInput

DIMENSIONS = 48
Vectors = NDArray[np.float32]


def unit(values: NDArray[np.floating]) -> Vectors:
    return np.asarray(values / np.linalg.norm(values, axis=-1, keepdims=True), np.float32)


def faces(names: list[str], enrolling: int, probing: int, seed: int) -> FaceSet:
    """Of people whose vectors lie about a place of their own."""
    generator = np.random.default_rng(seed)
    each = enrolling + probing
    places = np.repeat(generator.normal(size=(len(names), DIMENSIONS)), each, axis=0)
    vectors = unit(places + generator.normal(0.0, 0.9, places.shape))
    return FaceSet(vectors, np.repeat(np.array(names), each), np.tile(np.arange(each) < enrolling, len(names)))


def named(letter: str, count: int) -> list[str]:
    return [f"{letter}{number:03d}" for number in range(count)]


COHORT = faces(named("c", 60), 1, 0, 1).vectors
CHOOSING = faces(named("k", 25), 4, 4, 2), faces(named("s", 60), 0, 2, 3)
VALIDATING = faces(named("v", 60), 4, 4, 4), faces(named("u", 200), 0, 2, 5)
NAMING = NamingRecipe(rate=0.05).settings()


def test_a_trial_counts_the_known_and_strangers_apart() -> None:
    trial = Trial(
        size=2,
        scores=np.array([0.9, 0.8, 0.4, 0.7, 0.1, -np.inf]),
        said=np.array(["a", "b", "a", "a", "b", "b"]),
        truth=np.array(["a", "a", "b", "x", "y", "z"]),
        known=np.array([True, True, True, False, False, False]),
        asked=6,
    )
    for limit, found, misled, let_in in ((0.5, 1 / 3, 1 / 3, 1 / 3), (0.05, 1 / 3, 2 / 3, 2 / 3), (0.85, 1 / 3, 0, 0)):
        for estimate, expected in (
            (trial.found(limit, 1), found),
            (trial.misled(limit, 1), misled),
            (trial.let_in(limit, 1), let_in),
            (trial.first(1), 1 / 3),
        ):
            assert estimate is not None
            assert estimate.value == pytest.approx(expected)
            assert estimate.samples == 3


def test_who_is_not_in_a_gallery_is_a_stranger_to_it() -> None:
    trial = run_trial(*VALIDATING, COHORT, NAMING, 5, 1)
    assert trial.asked == 60 * 4 + 200 * 2
    assert len(trial.scores) == 40 * trial.asked
    assert trial.known.sum() == 40 * 5 * 4
    assert not trial.known[np.char.startswith(trial.truth, "u")].any()
    first = trial.first(1)
    assert first is not None
    assert first.value > 0.97


def test_enrolment_takes_the_first_pictures_and_never_a_probe() -> None:
    people = CHOOSING[0]
    gallery = gallery_of(people, ["k000", "k001"], 3)
    assert [person.name for person in gallery.people] == ["k000", "k001"]
    kept = np.stack([template.vector for template in gallery.people[1].templates])
    np.testing.assert_array_equal(kept, people.vectors[(people.people == "k001") & people.enrols][:3])


def test_limits_of_some_people_hold_for_others() -> None:
    points = choose_points(*CHOOSING, COHORT, NAMING, 1)
    assert points is not None
    assert points.people == (1, 5, 20)
    for size in (1, 5, 20, 60):
        trial = run_trial(*VALIDATING, COHORT, NAMING, size, 2)
        for rate in (0.01, 0.05):
            let_in = trial.let_in(points.limit(rate, size), 1)
            assert let_in is not None
            assert let_in.low is not None
            assert let_in.low <= rate
            assert let_in.value < 2.0 * rate


def test_too_few_people_set_no_limits() -> None:
    few = CHOOSING[0].named(named("k", 5))
    assert choose_points(few, CHOOSING[1], COHORT, NAMING, 1) is None
    assert choose_points(CHOOSING[0].named(named("k", 8)), CHOOSING[1].named(named("s", 5)), COHORT, NAMING, 1) is None
    with pytest.raises(InvalidInput, match="a gallery of 20 people can't be drawn from 5"):
        run_trial(few, CHOOSING[1], COHORT, NAMING, 20, 1)


def test_an_evaluation_measures_what_serves_and_compares_the_ways() -> None:
    found = evaluate_naming(Divided(COHORT, CHOOSING, VALIDATING), NAMING, "", None, 1)
    assert found.source == "measured here on 25 known people and 60 strangers"
    assert [trial.size for trial in found.trials] == [1, 5, 20, 60]
    assert set(found.methods) == {"cosine", "svm", "both"}
    metrics = found.metrics()
    assert metrics["accuracy_training"].value == 1.0
    assert metrics["accuracy_validation"].value > 0.95
    assert metrics["found"] == metrics["found.60.at_5_percent"]
    assert metrics["let_in.over"].value == 0.0
    assert metrics["found.60.at_0.1_percent"].value <= metrics["found.60.at_5_percent"].value
    scores = found.calibrated()
    assert scores.shape == (60 * 4 + 400, 1)
    assert (scores >= 0.5).mean() == pytest.approx(
        ((metrics["found"].value + metrics["misled"].value) * 240 + metrics["let_in"].value * 400) / 640, abs=1e-6
    )


def test_a_broken_promise_is_seen() -> None:
    limits = {"people": (1, 100), "limits": ((-9.0, -9.0),) * 3, "spread": 1.0, "source": "nowhere"}
    naming = NamingRecipe.model_validate({"rate": 0.05, "margin": 0.0, "limits": limits}).settings()
    nobody = CHOOSING[0].named([]), CHOOSING[1].named([])
    found = evaluate_naming(Divided(COHORT, nobody, VALIDATING), naming, "of the recipe", None, 1)
    assert found.source == "of the recipe"
    assert found.methods == {}
    assert found.metrics()["let_in"].value == 1.0
    assert found.metrics()["let_in.over"].value > 0.9
