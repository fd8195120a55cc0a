"""Which example a person is asked about next.

    wrong      an answer that somebody called wrong: before all others
    margin     6 of 10: the model's two best scores lie nearest to each other, of examples that are not alike
    models     3 of 10: two models say different things, or score a label most differently
    random     1 of 10: the honest slice, by chance

The margin is the classical measure of uncertainty sampling (B. Settles, Active Learning Literature Survey, 2009,
section 3.1). Each person gets the most urgent ones in an order of their own, so that two who label at once seldom meet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pipit.examples import Example, Part
from pipit.labels.resolution import Suggestion

SLOTS = ("margin", "models", "margin", "margin", "models", "margin", "random", "margin", "models", "margin")
"""What ten questions that follow each other are drawn from."""
WINDOW = 100
"""The most urgent examples of a kind, among which each person has an order of their own."""
_NOT_KNOWN = 0.5
"""Margin of an example of which no model said anything."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Measures:
    """What models said of an example.

    answer: of the whole example; "" for nothing. score: the best of any part; None where nobody was asked. margin:
    0..1. models: how far two models lie apart: 1 to 2 where they name different labels, else 0..1; 0 for one alone.
    """

    answer: str
    score: float | None
    margin: float
    models: float


def measure(example: Example, suggestion: Suggestion | None) -> Measures:
    """suggestion: what another model said later."""
    margins = [_margin(part) for part in example.parts if part.scores]
    if not margins and suggestion is not None:
        margins = [abs(2.0 * suggestion.score - 1.0)]
    best = [part.scores[0].score for part in example.parts if part.scores]
    apart = _apart(example.parts, example.other_parts) if example.other_parts else 0.0
    if suggestion is not None and example.parts and suggestion.version != example.version:
        scores = _scores(example.parts)
        differ = suggestion.label != answer_of(example.parts)
        apart = max(apart, float(differ) + abs(suggestion.score - scores.get(suggestion.label, 0.0)))
    return Measures(
        answer_of(example.parts), max(best, default=None), min(margins, default=_NOT_KNOWN), min(apart, 2.0)
    )


def answer_of(parts: Sequence[Part]) -> str:
    """What an example of several parts says: the label that a part says with the highest score; "" for nothing."""
    said = [(score.score, part.label) for part in parts for score in part.scores if score.label == part.label]
    return max(said)[1] if said else next((part.label for part in parts if part.label), "")


def own_order(numbers: Iterable[int], person: str) -> list[int]:
    """The same examples in the order of this person, which is the same each time."""
    return sorted(numbers, key=lambda number: hashlib.blake2b(f"{person}\0{number}".encode(), digest_size=8).digest())


def interleave(lists: Mapping[str, Sequence[T]], start: int) -> Iterator[tuple[str, T]]:
    """From the lists named in SLOTS, in turn; where one is at its end, the next takes its place.

    start: how many questions went before.
    """
    waiting = {name: iter(lists[name]) for name in dict.fromkeys(SLOTS)}
    turn = start
    while waiting:
        name = SLOTS[turn % len(SLOTS)]
        name = name if name in waiting else next(iter(waiting))
        try:
            yield name, next(waiting[name])
        except StopIteration:
            del waiting[name]
        else:
            turn += 1


def _margin(part: Part) -> float:
    best = part.scores[0].score
    # One score alone is that of "yes"; "no" has the rest.
    return abs(best - part.scores[1].score) if len(part.scores) > 1 else abs(2.0 * best - 1.0)


def _apart(ones: Sequence[Part], others: Sequence[Part]) -> float:
    first, second = _scores(ones), _scores(others)
    difference = max((abs(first.get(label, 0.0) - second.get(label, 0.0)) for label in {*first, *second}), default=0.0)
    return float(answer_of(ones) != answer_of(others)) + difference


def _scores(parts: Sequence[Part]) -> dict[str, float]:
    """The highest score of each label."""
    found: dict[str, float] = {}
    for score in (score for part in parts for score in part.scores):
        found[score.label] = max(score.score, found.get(score.label, 0.0))
    return found
