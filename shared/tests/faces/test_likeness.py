"""Likeness counts from strangers on, so that one limit serves every embedder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pipit.errors import InvalidInput
from pipit.faces.cohort import pack_cohort
from pipit.faces.likeness import Likeness, mean_cosine

DIMENSIONS = 128


def cohort(shared: float) -> np.ndarray:
    """Strangers that are all alike, by a direction that they share: the cosine of two is about `shared`."""
    rows = np.random.default_rng(5).normal(size=(200, DIMENSIONS))
    rows[:, 0] = 0
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows *= np.sqrt(1 - shared)
    rows[:, 0] = np.sqrt(shared)
    return rows.astype(np.float32)


@pytest.mark.parametrize("shared", [0.0, 0.4, 0.85])
def test_two_strangers_are_not_alike_and_a_picture_is_like_itself(shared: float) -> None:
    parameters = {"cohort": pack_cohort(cohort(shared)), "embedder": {"dimensions": DIMENSIONS}}
    likeness = Likeness.of_bundle(parameters)
    assert likeness.strangers == pytest.approx(shared, abs=0.01)
    assert likeness.of(shared) == pytest.approx(0.0, abs=0.02)
    assert likeness.of(1.0) == 1.0
    assert likeness.of(shared + 0.95 * (1 - shared)) == pytest.approx(0.95, abs=0.01)


def test_the_mean_leaves_out_each_with_itself() -> None:
    one, other = np.eye(3)[0], np.array([0.6, 0.8, 0.0])
    assert mean_cosine(np.stack([one, other])) == pytest.approx(0.6)
    assert mean_cosine(np.stack([one, one, other])) == pytest.approx((1 + 0.6 + 0.6) / 3)
    assert mean_cosine(one[np.newaxis]) == mean_cosine(np.zeros((0, 3))) == 0.0


def test_limits_come_from_a_bundle() -> None:
    assert Likeness.of_bundle({}) == Likeness()
    assert Likeness.of_bundle({"likeness": {"alike": 0.25}}) == Likeness(alike=0.25)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"likeness": {"alike": "x"}}, "is no number"),
        ({"likeness": {"alikeness": 0.2}}, "are called duplicate, alike, known"),
        ({"likeness": {"strangers": 0.2}}, "are called duplicate, alike, known"),
        ({"likeness": {"known": 2.0}}, "-1 to 1"),
        ({"likeness": {"known": float("nan")}}, "-1 to 1"),
        ({"likeness": [0.3]}, "is no number"),
        ({"cohort": "AAAA"}, "needs the embedder's dimensions"),
        ({"cohort": "?", "embedder": {"dimensions": 4}}, "cohort can't be read"),
    ],
)
def test_what_is_no_limit_is_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Likeness.of_bundle(parameters)
