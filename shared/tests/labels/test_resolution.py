from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.labels import Event, Kind, LabelledBox, LabelledSpan
from pipit.labels.resolution import Resolution, State, Suggestion, resolve, standing

BEGIN = datetime(2026, 11, 29, 12, tzinfo=UTC)


def event(
    number: int,
    by: str = "ann",
    kind: Kind = Kind.LABEL,
    label: str = "",
    undoes: int | None = None,
    score: float = 0.0,
) -> Event:
    """Said in the second of its number."""
    at = BEGIN + timedelta(seconds=number)
    target = "" if undoes is None else f"e{undoes}"
    return Event(f"e{number}", kind, at, "x", label=label, by=by, undoes=target, score=score, version="1.0.0")


def undo(number: int, target: int, by: str = "ann") -> Event:
    return event(number, by, Kind.UNDO, undoes=target)


def said(resolution: Resolution) -> dict[str, str]:
    return {one.by: one.label for one in resolution.said}


def test_nothing_said() -> None:
    assert resolve([]) == Resolution(State.NONE)


def test_of_one_person_the_last_word_counts() -> None:
    found = resolve([event(2, label="cat"), event(1, label="dog")])
    assert (found.state, found.label, said(found)) == (State.LABEL, "cat", {"ann": "cat"})


def test_both_answers_of_a_disagreement_are_kept_until_somebody_rules() -> None:
    events = [event(1, label="dog"), event(2, "bob", label="cat")]
    found = resolve(events)
    assert (found.state, found.label, said(found)) == (State.DISAGREEMENT, "", {"ann": "dog", "bob": "cat"})
    ruled = resolve([*events, event(3, "eva", Kind.RULE, "cat"), event(4, "eva", Kind.RULE, "fox")])
    assert (ruled.state, ruled.label, said(ruled)) == (State.RULED, "fox", {"ann": "dog", "bob": "cat"})
    assert resolve([*events, event(3, "eva", Kind.RULE, "cat"), undo(4, 3, "eva")]) == found


def test_who_can_not_say_contradicts_nobody() -> None:
    assert resolve([event(1, kind=Kind.SKIP)]).state is State.SKIP
    found = resolve([event(1, kind=Kind.SKIP), event(2, "bob", label="dog")])
    assert (found.state, found.label) == (State.LABEL, "dog")


def test_none_of_the_labels_is_an_answer() -> None:
    assert resolve([event(1)]).state is State.LABEL
    assert resolve([event(1), event(2, "bob", label="dog")]).state is State.DISAGREEMENT


def test_an_undoing_takes_back_and_the_next_restores() -> None:
    events = [event(1, label="dog"), event(2, label="cat")]
    assert resolve([*events, undo(3, 2)]).label == "dog"
    assert resolve([*events, undo(3, 2), undo(4, 1)]).state is State.NONE
    assert resolve([*events, undo(3, 2), undo(4, 3)]) == resolve(events)


def test_nobody_takes_back_what_another_said() -> None:
    events = [event(1, label="dog")]
    assert resolve([*events, undo(2, 1, "bob")]) == resolve(events)


def test_a_circle_of_undoings_is_void() -> None:
    circle = [undo(2, 3), undo(3, 2), undo(4, 4), event(1, label="dog")]
    assert resolve(circle) == resolve([event(1, label="dog")])


def test_thousands_of_undoings_are_no_matter() -> None:
    chain = [event(0, label="dog"), *(undo(number + 1, number) for number in range(5001))]
    assert resolve(chain).state is State.NONE
    assert resolve(chain[:-1]).label == "dog"


def test_the_newest_suggestion_is_no_label() -> None:
    guesses = [
        event(1, kind=Kind.SUGGEST, label="dog", score=0.9),
        event(2, kind=Kind.SUGGEST, label="cat", score=0.3),
        replace(event(2, kind=Kind.SUGGEST, label="fox", score=0.6), id="other"),
    ]
    found = resolve(guesses)
    assert (found.state, found.suggestion) == (State.NONE, Suggestion("fox", 0.6, "1.0.0"))


@pytest.mark.parametrize(
    ("ones", "others", "state"),
    [
        ([(0, 0, 10, 10)], [(0, 0, 10, 5)], State.LABEL),
        ([(0, 0, 10, 10)], [(0, 0, 10, 4.9)], State.DISAGREEMENT),
        ([(0, 0, 10, 10), (20, 0, 9, 9)], [(20, 0, 9, 9), (1, 0, 10, 10)], State.LABEL),
        ([(0, 0, 10, 10)], [(0, 0, 10, 10), (0, 0, 10, 10)], State.DISAGREEMENT),
        # The first fits both of the others, the second only one of them: pairing has to look ahead.
        ([(0, 0, 10, 10), (0, 0, 10, 6)], [(0, 0, 10, 7), (0, 0, 10, 16)], State.LABEL),
        ([], [], State.LABEL),
    ],
)
def test_boxes_agree_one_to_one(ones: list[tuple[float, ...]], others: list[tuple[float, ...]], state: State) -> None:
    events = [
        replace(event(number, by, Kind.BOXES), boxes=tuple(LabelledBox("paw", *box) for box in boxes))
        for number, (by, boxes) in enumerate([("ann", ones), ("bob", others)])
    ]
    found = resolve(events)
    assert found.state is state
    assert found.boxes == (events[1].boxes if state is State.LABEL else ())
    labelled = replace(events[1], boxes=tuple(replace(box, label="hoof") for box in events[1].boxes))
    assert resolve([events[0], labelled]).state is (State.LABEL if not others else State.DISAGREEMENT)


@pytest.mark.parametrize(("end", "state"), [(9.5, State.LABEL), (9.4, State.DISAGREEMENT), (10.5, State.LABEL)])
def test_spans_agree_within_half_a_second(end: float, state: State) -> None:
    ones = (LabelledSpan("ad", 0.0, 10.0), LabelledSpan("ad", 20.0, 30.0))
    others = (LabelledSpan("ad", 20.0, 30.0), LabelledSpan("ad", 0.0, end))
    events = [replace(event(1, kind=Kind.SPANS), spans=ones), replace(event(2, "bob", Kind.SPANS), spans=others)]
    assert resolve(events).state is state


def histories() -> st.SearchStrategy[list[Event]]:
    """Of three people who say, skip, take back and rule, some of it at the same second."""
    kinds = st.sampled_from([Kind.LABEL, Kind.SKIP, Kind.UNDO, Kind.SUGGEST, Kind.RULE])
    one = st.tuples(st.sampled_from("abc"), kinds, st.sampled_from(["dog", "cat", ""]), st.integers(0, 9))
    return st.lists(one, max_size=10).map(
        lambda drawn: [
            replace(event(number // 2, by, kind, label, target, 0.5), id=f"e{number}")
            for number, (by, kind, label, target) in enumerate(drawn)
        ]
    )


@given(histories(), st.data())
def test_neither_order_nor_repetition_changes_anything(events: list[Event], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(events), max_size=6)) if events else []
    shuffled = data.draw(st.permutations([*events, *again]))
    assert resolve(shuffled) == resolve(events)
    assert standing(shuffled) == standing(events)


@given(histories(), st.integers(0, 9))
def test_to_take_back_a_taking_back_is_nothing(events: list[Event], target: int) -> None:
    taken = [replace(undo(20, target, "a"), id="u1"), replace(undo(21, 0, "a"), id="u2", undoes="u1")]
    assert resolve([*events, *taken]) == resolve(events)
