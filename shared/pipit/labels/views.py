"""What the index tells: small plain data, which the console makes JSON of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipit.examples import Example
from pipit.labels.resolution import Resolution, State


@dataclass(frozen=True, slots=True)
class Item:
    """An example as one person may see it.

    why: what the queue chose it by. blind: of the honest slice, and this person has not labelled it: what models and
    other people said of it is left out. similar: ids of its near-duplicates.
    """

    example: Example
    resolution: Resolution
    why: str
    honest: bool
    blind: bool
    similar: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Queue:
    """waiting: how many there are in all of what was asked for."""

    items: tuple[Item, ...]
    waiting: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How many examples are in which state. duplicates: not labelled, and a near-duplicate stands for them."""

    examples: int
    labelled: int
    skipped: int
    waiting: int
    disagreements: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class LabelCount:
    """count: settled examples that carry the label. suggested: unlabelled ones for which a model named it."""

    label: str
    count: int
    suggested: int


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of right answers with its 95 % interval."""

    value: float
    low: float
    high: float
    samples: int


@dataclass(frozen=True, slots=True)
class Honest:
    """The slice that was chosen by chance. version: whose answers `accuracy` is about; None: nothing to count yet."""

    examples: int
    labelled: int
    version: str
    accuracy: Accuracy | None


@dataclass(frozen=True, slots=True)
class Person:
    """labels: statements that stand. median_seconds: of those whose time is known.

    agreement: share of the examples that others labelled as well, pair by pair, on which they said the same.
    """

    by: str
    labels: int
    median_seconds: float | None
    agreement: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """measure: "kappa" of two people, "alpha" of more. examples: labelled by at least two."""

    measure: str
    value: float
    examples: int


@dataclass(frozen=True, slots=True)
class Summary:
    """All that is counted of a task. advice: sentences."""

    labels: tuple[LabelCount, ...]
    progress: Progress
    honest: Honest
    people: tuple[Person, ...]
    agreement: Agreement | None
    advice: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Examples that belong together, such as a recording. start, end: positions, seconds; None where none is known."""

    group: str
    items: int
    labelled: int
    start: float | None
    end: float | None
    first_taken_at: datetime | None
    last_taken_at: datetime | None


@dataclass(frozen=True, slots=True)
class Moment:
    """One example on the timeline of its group.

    score: the model's best; None where it is not known, or not shown. suggested: the label that a model says; "" where
    it says none, or it is not shown.
    """

    id: str
    position: float | None
    taken_at: datetime | None
    score: float | None
    label: str
    state: State
    suggested: str
