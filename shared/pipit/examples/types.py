"""Plain data of `pipit.examples.v1`; fields are described in the proto file, and have the same names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Reason(StrEnum):
    """Why an input was kept."""

    UNSPECIFIED = "unspecified"
    UNCERTAIN = "uncertain"
    RANDOM = "random"
    WRONG = "wrong"
    IMPORTED = "imported"


@dataclass(frozen=True, slots=True)
class Consent:
    """What a device may keep of a task. given_by, given_at: said by the registry."""

    device_id: str
    task: str
    text: str
    given_by: str = ""
    given_at: datetime | None = None
    low: float = 0.4
    high: float = 0.6
    rate: float = 0.1
    random_rate: float = 0.01
    quota_bytes: int = 100_000_000
    keep_days: int = 90


@dataclass(frozen=True, slots=True)
class Score:
    """Of one label, 0..1."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an example with what was said of it.

    box: left, top, width, height in pixels, or empty. span: start, end in seconds, or empty. scores: best first, at
    most ten. label: what the answer said; "": nothing.
    """

    box: tuple[float, ...] = ()
    span: tuple[float, ...] = ()
    scores: tuple[Score, ...] = ()
    label: str = ""
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """An input that was kept. id: see `pipit.examples.ids`."""

    id: str
    task: str
    media_type: str
    bytes: int
    sha256: str
    reason: Reason
    device_id: str = ""
    taken_at: datetime | None = None
    version: str = ""
    parts: tuple[Part, ...] = ()
    other_version: str = ""
    other_parts: tuple[Part, ...] = ()
    corrected: str = ""
    was_corrected: bool = False
    group: str = ""
    faces_blurred: int = 0
    name: str = ""
    position: float | None = None
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExamplePage:
    """Examples, oldest first. deleted: ids. next: what to ask with for those that come after."""

    examples: tuple[Example, ...]
    deleted: tuple[str, ...]
    next: str
    more: bool


@dataclass(frozen=True, slots=True)
class Departure:
    """What left a device on a day. day: "20261129"."""

    device_id: str
    task: str
    day: str
    examples: int
    bytes: int
    deleted: int
