"""Queues, items, events, timelines and data sets."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pipit.labels import LabelledBox, LabelledSpan
from pydantic import AwareDatetime, Field

from pipit_console.models.base import Answer, Asked

ItemState = Literal["none", "label", "skip", "disagreement", "ruled"]
Why = Literal["margin", "models", "random", "wrong", "people", "suggested", "mine", "all"]
Mode = Literal["work", "disagreements", "suggested", "all", "mine"]
Format = Literal["folder", "csv", "jsonl", "labelstudio", "coco", "yolo", "edl"]
Identity = Annotated[str, Field(pattern=r"^[A-Za-z0-9\-]{16,64}$")]
LabelText = Annotated[str, Field(max_length=200)]


class LabelTask(Answer):
    """A task whose examples can be labelled."""

    task: str
    input_kind: str
    examples: int
    labelled: int
    waiting: int
    disagreements: int


class LabelCount(Answer):
    """suggested: examples that a model guesses to be of it, and nobody has labelled."""

    label: str
    count: int
    suggested: int


class Progress(Answer):
    """Counts of examples."""

    examples: int
    labelled: int
    skipped: int
    waiting: int
    disagreements: int
    duplicates: int


class Interval(Answer):
    """With its 95 % interval."""

    value: float
    low: float
    high: float
    samples: int


class Honest(Answer):
    """The uniformly random part, which is never trained on. accuracy: of the answers of `version`; null: no labels."""

    examples: int
    labelled: int
    version: str
    accuracy: Interval | None


class Person(Answer):
    """agreement: share of the examples that others labelled too on which they agree; null: there are none."""

    by: str
    labels: int
    median_seconds: float | None
    agreement: float | None


class Summary(Answer):
    """How far the labelling of a task is. advice: sentences."""

    task: str
    input_kind: str
    labels: list[LabelCount]
    progress: Progress
    honest: Honest
    people: list[Person]
    advice: list[str]


class ItemScore(Answer):
    """score: 0..1."""

    label: str
    score: float


class ItemPart(Answer):
    """box: left, top, width, height in pixels, or empty. span: start and end in seconds, or empty."""

    box: list[float]
    span: list[float]
    label: str
    unknown: bool
    scores: list[ItemScore]


class Suggestion(Answer):
    """A model's guess."""

    label: str
    score: float
    version: str


class Said(Answer):
    """What somebody said of an example, which stands."""

    by: str
    event: str
    kind: str
    label: str
    boxes: list[LabelledBox]
    spans: list[LabelledSpan]
    at: datetime


class Outcome(Answer):
    """What an example is, of all that was said of it."""

    state: ItemState
    label: str
    boxes: list[LabelledBox]
    spans: list[LabelledSpan]


class Item(Outcome):
    """An example to be labelled. honest: nothing of the model is shown before this person has labelled it."""

    id: str
    media_type: str
    bytes: int
    taken_at: datetime | None
    device_id: str
    reason: str
    group: str
    position: float | None
    name: str
    honest: bool
    why: Why
    parts: list[ItemPart]
    version: str
    suggestion: Suggestion | None
    said: list[Said]
    similar: list[str]


class Queue(Answer):
    """waiting: how many there are in all."""

    items: list[Item]
    waiting: int


class EventAsked(Asked):
    """What a person says. id: made by the page. at: by its clock. seconds: that it took."""

    id: Identity
    kind: Literal["label", "boxes", "spans", "skip", "undo", "rule"]
    example: str = ""
    label: LabelText = ""
    boxes: Annotated[tuple[LabelledBox, ...], Field(max_length=500)] = ()
    spans: Annotated[tuple[LabelledSpan, ...], Field(max_length=5000)] = ()
    undoes: Annotated[str, Field(max_length=64)] = ""
    at: AwareDatetime
    seconds: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.0
    saw_suggestion: bool = False


class Batch(Asked):
    """Events that are stored together. Once more with the same batch_id does no harm."""

    batch_id: Identity
    events: Annotated[list[EventAsked], Field(min_length=1, max_length=1000)]


class Stored(Answer):
    """known: the registry had the batch already. items: what the examples of the events are now."""

    known: bool
    items: dict[str, Outcome]


class LabelAsked(Asked):
    """A further label of the task."""

    label: Annotated[str, Field(min_length=1, max_length=200)]


class LabelsAnswer(Answer):
    """All labels of the task."""

    labels: list[str]


class TimelineGroup(Answer):
    """A recording whose frames stand in order. from, to: seconds of its first and last one; null: not known."""

    group: str
    items: int
    labelled: int
    start: float | None = Field(alias="from")
    end: float | None = Field(alias="to")
    first_taken_at: datetime | None
    last_taken_at: datetime | None


class TimelineItem(Answer):
    """score: of the answer's best label, 0..1; null: nothing answered. suggested: what a model says; "": nothing."""

    id: str
    position: float | None
    taken_at: datetime | None
    score: float | None
    label: str
    state: ItemState
    suggested: str


class Timeline(Answer):
    """Without a group: all groups, and no items. With one: its items in order, and no groups."""

    groups: list[TimelineGroup]
    group: str
    items: list[TimelineItem]


class Imported(Answer):
    """problems: sentences, one for each thing that was left out."""

    examples: int
    labelled: int
    problems: list[str]


class FreezeAsked(Asked):
    """The data set's name."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.\-]{0,62}$")]


class Frozen(Answer):
    """labels: examples a label. left_out: examples a reason. command: trains with it."""

    name: str
    digest: str
    labels: dict[str, int]
    held_out: int
    left_out: dict[str, int]
    command: str


class SetLine(Answer):
    """A frozen data set."""

    name: str
    digest: str
    labels: list[str]
    made_by: str
    made_at: datetime | None
