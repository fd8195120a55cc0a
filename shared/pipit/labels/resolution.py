"""What holds of one example, from all that was ever said of it.

    events ─> each once ─> those that nobody took back ─> each person's last statement ─> do they agree?
                                                     └─> the last ruling, which ends a disagreement

Events may come in any order and any number of times: what counts is when a person said something (`at`), and the id
where two were said at once. A person takes back only what they said themselves; who takes back a taking back, restores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import combinations
from typing import TypeVar

from pipit.labels.types import Event, Kind, LabelledBox, LabelledSpan
from pipit.types import Box

SAME_BOX = 0.5
"""Intersection over union from which two people's boxes are the same: what PASCAL VOC and COCO count as found."""
SAME_MOMENT = 0.5
"""Seconds within which two people's boundaries are the same."""
STATEMENTS = frozenset({Kind.LABEL, Kind.BOXES, Kind.SPANS, Kind.SKIP})

T = TypeVar("T")


class State(StrEnum):
    """What is known of an example."""

    NONE = "none"
    LABEL = "label"
    SKIP = "skip"
    DISAGREEMENT = "disagreement"
    RULED = "ruled"

    @property
    def settled(self) -> bool:
        """Whether the example has a label."""
        return self in (State.LABEL, State.RULED)


@dataclass(frozen=True, slots=True)
class Said:
    """A person's last statement. event: its id. seconds: what they took for it; 0: not known."""

    by: str
    event: str
    kind: Kind
    label: str
    boxes: tuple[LabelledBox, ...]
    spans: tuple[LabelledSpan, ...]
    at: datetime
    seconds: float = 0.0
    saw_suggestion: bool = False


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A model's guess. score: 0..1. version: of the model."""

    label: str
    score: float
    version: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """label, boxes, spans: of the last who said it; empty unless the state is LABEL or RULED.

    said: by person, both sides of a disagreement. suggestion: the newest; of several at once the best.
    """

    state: State = State.NONE
    label: str = ""
    boxes: tuple[LabelledBox, ...] = ()
    spans: tuple[LabelledSpan, ...] = ()
    said: tuple[Said, ...] = ()
    suggestion: Suggestion | None = None


def resolve(events: Iterable[Event]) -> Resolution:
    """What holds. events: all of one example.

    Who can't say contradicts nobody: a skip counts only where nobody says more.
    """
    held = standing(events)
    last = {event.by: event for event in held if event.kind in STATEMENTS}
    rules = [event for event in held if event.kind is Kind.RULE]
    guesses = [event for event in held if event.kind is Kind.SUGGEST]
    said = tuple(_said(last[by]) for by in sorted(last))
    guess = max(guesses, key=lambda event: (event.at, event.score, event.id), default=None)
    suggestion = None if guess is None else Suggestion(guess.label, guess.score, guess.version)
    answers = sorted((event for event in last.values() if event.kind is not Kind.SKIP), key=_when)
    if rules:
        state, answer = State.RULED, rules[-1]
    elif not answers:
        return Resolution(State.SKIP if last else State.NONE, said=said, suggestion=suggestion)
    elif all(agree(one, other) for one, other in combinations(answers, 2)):
        state, answer = State.LABEL, answers[-1]
    else:
        return Resolution(State.DISAGREEMENT, said=said, suggestion=suggestion)
    return Resolution(state, answer.label, answer.boxes, answer.spans, said, suggestion)


def standing(events: Iterable[Event]) -> list[Event]:
    """Those that count, in their order. Undoings themselves are left out."""
    once: dict[tuple[str, str], Event] = {}
    for event in events:
        key = event.by, event.id
        # The registry keeps one event of an id; of two the same one has to win, whichever came first.
        once[key] = event if key not in once else min(once[key], event, key=repr)
    undone = _undone(once)
    return sorted((one for key, one in once.items() if key not in undone and one.kind is not Kind.UNDO), key=_when)


def agree(one: Event | Said, other: Event | Said) -> bool:
    """Whether two people say the same: the label, and boxes or spans that can be paired one to one."""
    return (
        one.kind is other.kind
        and one.label == other.label
        and _paired(one.boxes, other.boxes, _same_box)
        and _paired(one.spans, other.spans, _same_span)
    )


def _undone(events: dict[tuple[str, str], Event]) -> set[tuple[str, str]]:
    """Keys of what doesn't count.

    An undoing counts unless it is undone in turn, so that those which nobody undoes are looked at first. What undoes
    itself around a circle never comes to its turn, and is void.
    """
    targets = {key: (event.by, event.undoes) for key, event in events.items() if event.kind is Kind.UNDO}
    waiting = dict.fromkeys(events, 0)
    for target in targets.values():
        if target in waiting:
            waiting[target] += 1
    ready = [key for key, count in waiting.items() if not count]
    undone: set[tuple[str, str]] = set()
    for key in ready:
        aim = targets.get(key)
        if aim is not None and aim in waiting:
            if key not in undone:
                undone.add(aim)
            waiting[aim] -= 1
            if not waiting[aim]:
                ready.append(aim)
    return undone | (events.keys() - set(ready))


def _paired(ones: Sequence[T], others: Sequence[T], same: Callable[[T, T], bool]) -> bool:
    """Whether each can have a partner of its own: a perfect matching, by augmenting paths (Kuhn 1955)."""
    if len(ones) != len(others):
        return False
    fits = [[index for index, other in enumerate(others) if same(one, other)] for one in ones]
    partner: dict[int, int] = {}

    def place(one: int, tried: set[int]) -> bool:
        for other in fits[one]:
            if other not in tried:
                tried.add(other)
                if other not in partner or place(partner[other], tried):
                    partner[other] = one
                    return True
        return False

    return all(place(one, set()) for one in range(len(ones)))


def _same_box(one: LabelledBox, other: LabelledBox) -> bool:
    boxes = [Box(each.left, each.top, each.width, each.height) for each in (one, other)]
    return one.label == other.label and boxes[0].overlap(boxes[1]) >= SAME_BOX


def _same_span(one: LabelledSpan, other: LabelledSpan) -> bool:
    apart = max(abs(one.start - other.start), abs(one.end - other.end))
    return one.label == other.label and apart <= SAME_MOMENT


def _said(event: Event) -> Said:
    return Said(
        event.by,
        event.id,
        event.kind,
        event.label,
        event.boxes,
        event.spans,
        event.at,
        event.seconds,
        event.saw_suggestion,
    )


def _when(event: Event) -> tuple[datetime, str, str]:
    return event.at, event.id, event.by
