"""Plain data of `pipit.labels.v1`; fields are described in the proto file, and have the same names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What an event says."""

    UNSPECIFIED = "unspecified"
    LABEL = "label"
    BOXES = "boxes"
    SPANS = "spans"
    SKIP = "skip"
    UNDO = "undo"
    SUGGEST = "suggest"
    RULE = "rule"
    ADD_LABEL = "add_label"


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """Pixels of the picture, origin at its upper left."""

    label: str
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class LabelledSpan:
    """Seconds from the start."""

    label: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Event:
    """What somebody said once. by: said by the registry."""

    id: str
    kind: Kind
    at: datetime
    example: str = ""
    label: str = ""
    boxes: tuple[LabelledBox, ...] = ()
    spans: tuple[LabelledSpan, ...] = ()
    undoes: str = ""
    score: float = 0.0
    version: str = ""
    seconds: float = 0.0
    by: str = ""
    saw_suggestion: bool = False


@dataclass(frozen=True, slots=True)
class EventPage:
    """In the order in which the registry got them. next: what to ask with for those that come after."""

    events: tuple[Event, ...]
    next: str
    more: bool


@dataclass(frozen=True, slots=True)
class SetItem:
    """An example of a frozen data set. held_out: of the honest slice, never trained on."""

    example: str
    sha256: str
    media_type: str
    label: str = ""
    boxes: tuple[LabelledBox, ...] = ()
    spans: tuple[LabelledSpan, ...] = ()
    group: str = ""
    held_out: bool = False


@dataclass(frozen=True, slots=True)
class LabelSet:
    """A frozen data set. digest: SHA-256 of its canonical JSON. made_by, made_at: said by the registry."""

    name: str
    task: str
    digest: str
    labels: tuple[str, ...]
    items: tuple[SetItem, ...] = ()
    made_by: str = ""
    made_at: datetime | None = None
