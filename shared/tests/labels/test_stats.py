from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pipit.examples import Example, Reason
from pipit.intervals import wilson
from pipit.labels import Kind
from pipit.labels.stats import agreement, cohens_kappa, krippendorffs_alpha
from pipit.labels.views import Accuracy, Agreement, Person

Make = Callable[..., Example]


def test_cohens_kappa_of_a_known_table() -> None:
    """Of 50 proposals two readers say yes to 20, no to 15, and differ over 5 and 10."""
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert cohens_kappa(pairs) == pytest.approx(0.4)
    assert cohens_kappa([("a", "a")] * 3) == 1.0
    assert cohens_kappa([("a", "b"), ("b", "a")]) == -1.0


def test_krippendorffs_alpha_of_his_own_example() -> None:
    """Krippendorff (2011), section C: four observers, twelve units, with gaps."""
    observers = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
    units = [[row[unit] for row in observers if row[unit] != "."] for unit in range(12)]
    assert [len(unit) for unit in units] == [3, 4, 4, 4, 4, 4, 4, 4, 4, 3, 2, 1]
    assert krippendorffs_alpha(units) == pytest.approx(0.743, abs=0.0005)
    assert krippendorffs_alpha([["a", "a"], ["a", "a"]]) == 1.0


def test_two_people_have_a_kappa_and_three_an_alpha() -> None:
    two = [{"ann": "dog", "bob": "dog"}, {"ann": "cat", "bob": "cat"}]
    assert agreement([]) is None
    assert agreement(two) == Agreement("kappa", 1.0, 2)
    three = agreement([*two, {"ann": "dog", "eva": "cat"}])
    assert three is not None
    assert (three.measure, three.examples) == ("alpha", 3)
    assert three.value == pytest.approx(1 - 5 * 2 / (36 - 18))


def test_people_and_how_often_they_agree(pool: Any, make: Make) -> None:
    examples = [make(number) for number in range(5)]
    pool.bring(*examples)
    for example, seconds in zip(examples, (1.0, 2.0, 6.0, 0.0, 3.0), strict=True):
        pool.say(example, "ann", "dog", seconds=seconds)
    pool.say(examples[0], "bob", "dog", seconds=1.5)
    pool.say(examples[1], "bob", "cat")
    pool.say(examples[2], "bob", kind=Kind.SKIP)
    summary = pool.index.summary()
    assert summary.people == (Person("ann", 5, 2.5, 0.5), Person("bob", 3, 1.5, 0.5))
    assert summary.agreement == Agreement("kappa", 0.0, 2)


def test_the_honest_slice_tells_how_good_the_newest_version_is(pool: Any, make: Make) -> None:
    old = [make(number, reason=Reason.RANDOM, version="1.9.0") for number in range(4)]
    new = [make(number, reason=Reason.RANDOM, version="1.10.0") for number in range(10, 20)]
    other = [make(number, version="1.10.0") for number in range(30, 35)]
    pool.bring(*old, *new, *other)
    assert pool.index.summary().honest.accuracy is None
    for example in [*old, *new[:8], *other]:
        pool.say(example, "ann", "cat" if example in (*old, new[0]) else "dog")
    found = pool.index.summary().honest
    assert (found.examples, found.labelled, found.version) == (14, 12, "1.10.0")
    assert found.accuracy == Accuracy(7 / 8, *wilson(7, 8), 8)
    assert pool.index.summary(version="1.9.0").honest.accuracy == Accuracy(0.0, *wilson(0, 4), 4)
    assert pool.index.summary(version="3.0.0").honest.accuracy is None


def test_advice(pool: Any, make: Make) -> None:
    examples = [make(number) for number in range(10)]
    pool.bring(*examples, make(10, reason=Reason.RANDOM))
    assert len(pool.index.summary(["dog", "cat"]).advice) == 1
    for example in examples[:3]:
        pool.say(example, "ann", "dog")
    pool.say(examples[3], "ann", "cat")
    advice = pool.index.summary(["dog", "cat", "fox"]).advice
    assert advice[0] == "No example yet of 'fox'."
    assert advice[1].startswith("The honest slice has 1 example, and 0 are labelled; from 30 on ")
    pool.say(examples[4], "ann", "dog")
    pool.say(examples[4], "bob", "cat")
    pool.say(examples[5], "ann", "dog")
    balance, _, split, _ = pool.index.summary(["dog", "cat", "fox"]).advice
    assert balance.startswith("'dog' has 4 examples and 'cat' 1: ")
    assert split == "People disagree about 1 example; no data set has it until somebody decides."
