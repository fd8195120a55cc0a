from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pipit.examples import Example, Part, Reason, Score
from pipit.labels import Kind
from pipit.labels.features import LENGTH
from pipit.labels.order import SLOTS, answer_of, interleave, measure, own_order
from pipit.labels.resolution import Suggestion

Make = Callable[..., Example]


def part(label: str, **scores: float) -> Part:
    ranked = sorted(scores.items(), key=lambda pair: -pair[1])
    return Part(scores=tuple(Score(name, score) for name, score in ranked), label=label)


def vector(degrees: float) -> Any:
    found = np.zeros(LENGTH, np.float32)
    found[:2] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return found


def work(pool: Any, person: str, count: int = 20, **options: Any) -> list[tuple[str, str]]:
    return [(item.why, item.example.id) for item in pool.index.queue(person, count=count, **options).items]


@pytest.mark.parametrize(
    ("parts", "suggestion", "margin"),
    [
        ((part("dog", dog=0.6, cat=0.35),), None, 0.25),
        ((part("dog", dog=0.9, cat=0.1), part("cat", cat=0.5, dog=0.45)), None, 0.05),
        ((part("stress", stress=0.6),), None, 0.2),
        ((), Suggestion("dog", 0.45, "2.0.0"), 0.1),
        ((), None, 0.5),
    ],
)
def test_the_margin_is_that_of_the_part_that_is_least_sure(
    make: Make, parts: tuple[Part, ...], suggestion: Suggestion | None, margin: float
) -> None:
    assert measure(make(1, parts=parts), suggestion).margin == pytest.approx(margin)


@pytest.mark.parametrize(
    ("other_parts", "suggestion", "apart"),
    [
        ((), None, 0.0),
        ((part("dog", dog=0.7, cat=0.3),), None, 0.2),
        ((part("cat", cat=0.8, dog=0.2),), None, 1.7),
        ((), Suggestion("cat", 0.6, "2.0.0"), 1.5),
        ((), Suggestion("dog", 0.6, "2.0.0"), 0.3),
        # The same version once more is no other opinion.
        ((), Suggestion("cat", 0.6, "1.0.0"), 0.0),
    ],
)
def test_how_far_two_models_lie_apart(
    make: Make, other_parts: tuple[Part, ...], suggestion: Suggestion | None, apart: float
) -> None:
    example = make(1, parts=(part("dog", dog=0.9, cat=0.1),), other_parts=other_parts)
    assert measure(example, suggestion).models == pytest.approx(apart)


def test_what_an_example_of_several_parts_says() -> None:
    assert answer_of([part("", dog=0.99), part("cat", cat=0.6, dog=0.4), part("dog", dog=0.5)]) == "cat"
    assert answer_of([part("", dog=0.3)]) == ""
    assert answer_of([]) == ""


def test_of_ten_questions_six_three_and_one() -> None:
    assert Counter(SLOTS) == {"margin": 6, "models": 3, "random": 1}
    lists = {name: [f"{name}{number}" for number in range(60)] for name in ("margin", "models", "random")}
    for start in range(10):
        drawn = Counter(name for name, _ in itertools.islice(interleave(lists, start), 50))
        assert drawn == {"margin": 30, "models": 15, "random": 5}
    assert [item for _, item in itertools.islice(interleave(lists, 3), 2)] == ["margin0", "models0"]


def test_where_a_list_ends_the_others_go_on() -> None:
    lists = {"margin": list("abc"), "models": [], "random": list("xy")}
    drawn = list(interleave(lists, 0))
    assert sorted(item for _, item in drawn) == list("abcxy")
    assert all((name == "margin") == (item in "abc") for name, item in drawn)


def test_everybody_has_an_order_of_their_own_that_stays() -> None:
    ann, bob = own_order(range(100), "ann"), own_order(range(100), "bob")
    assert ann == own_order(reversed(range(100)), "ann")
    assert ann != bob
    assert sorted(ann) == sorted(bob) == list(range(100))
    assert len({*ann[:10]} & {*bob[:10]}) < 5


def test_wrong_ones_come_first_then_the_mixture(pool: Any, make: Make) -> None:
    sure = [make(number, 0.95) for number in range(150)]
    unsure = [make(number, 0.5 + number / 10_000) for number in range(200, 300)]
    apart = [make(number, 0.93, other_parts=(part("cat", cat=0.9),)) for number in range(300, 360)]
    chance = [make(number, reason=Reason.RANDOM) for number in range(400, 420)]
    wrong = [make(number, 0.99, reason=Reason.WRONG) for number in range(500, 503)]
    pool.bring(*sure, *unsure, *apart, *chance, *wrong)
    found = work(pool, "ann", 43)
    assert Counter(why for why, _ in found) == {"wrong": 3, "margin": 24, "models": 12, "random": 4}
    assert [why for why, _ in found[:3]] == ["wrong"] * 3
    sorts = {"wrong": wrong, "margin": unsure, "models": apart, "random": chance}
    for why, identity in found:
        assert identity in {one.id for one in sorts[why]}
    assert len({identity for _, identity in found}) == 43
    assert pool.index.queue("ann").waiting == 333


def test_two_people_get_others_and_each_the_same_until_it_is_labelled(pool: Any, make: Make) -> None:
    pool.bring(*[make(number, 0.5 + number / 1000) for number in range(100)])
    ann, bob = work(pool, "ann", 10), work(pool, "bob", 10)
    assert work(pool, "ann", 10) == ann
    assert len({*ann} & {*bob}) < 5
    assert {*work(pool, "ann", 100)} == {*work(pool, "bob", 100)}
    pool.say(ann[0][1], "ann", "dog")
    assert work(pool, "ann", 9) == ann[1:]
    assert work(pool, "ann", 8, skip=[ann[1][1]]) == ann[2:]


def test_one_label_only(pool: Any, make: Make) -> None:
    dogs = [make(number, 0.6) for number in range(5)]
    cats = [make(number, 0.4) for number in range(10, 15)]
    pool.bring(*dogs, *cats, make(20, reason=Reason.RANDOM))
    assert {identity for _, identity in work(pool, "ann", label="cat")} == {one.id for one in cats}


def test_skipped_ones_and_near_duplicates_are_not_asked_about(pool: Any, make: Make) -> None:
    examples = [make(number, 0.5 + number / 100) for number in range(4)]
    pool.bring(*examples)
    pool.index.feed_features({examples[0].id: vector(0), examples[1].id: vector(2), examples[2].id: vector(90)})
    pool.say(examples[2], "ann", kind=Kind.SKIP)
    assert {identity for _, identity in work(pool, "ann")} == {examples[0].id, examples[3].id}


def test_a_flood_of_the_same_waits_behind_what_is_different(
    pool: Any, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipit.labels.order.WINDOW", 1)
    monkeypatch.setattr("pipit.labels.queue.WINDOW", 1)
    monkeypatch.setattr("pipit.labels.likeness.SAME", 0.999)
    flood = [make(number, 0.60 - number / 1000) for number in range(5)]
    other = make(10, 0.8)
    pool.bring(*flood, other)
    pool.index.feed_features({one.id: vector(4 * number) for number, one in enumerate(flood)})
    pool.index.feed_features({other.id: vector(90)})
    # The one that the model is least sure of stands for the flood, though it came last.
    order = []
    for _ in range(6):
        ((_, identity),) = work(pool, "ann", 1)
        order.append(identity)
        pool.say(identity, "ann", "dog")
    assert order[:2] == [flood[4].id, other.id]
    assert {*order[2:]} == {one.id for one in flood[:4]}


def test_an_alarm_that_was_called_wrong_does_not_hide_behind_another(pool: Any, make: Make) -> None:
    usual, alarm, again = make(1), make(2, reason=Reason.WRONG), make(3, reason=Reason.WRONG)
    chance = make(4, reason=Reason.RANDOM)
    pool.bring(usual, alarm, again, chance)
    pool.index.feed_features({one.id: vector(0) for one in (usual, alarm, again, chance)})
    assert {identity for _, identity in work(pool, "ann")} >= {alarm.id, chance.id}
    assert pool.index.progress().duplicates == 1


def test_content_of_which_no_vector_can_be_made_is_asked_about_all_the_same(pool: Any, make: Make) -> None:
    pool.bring(make(1), make(2))
    assert [one.id for one in pool.index.without_features(1)] == [make(2).id]
    pool.index.feed_features({make(2).id: None, make(1).id: np.full(LENGTH, np.nan, np.float32)})
    assert pool.index.without_features(10) == ()
    assert len(work(pool, "ann")) == 2
