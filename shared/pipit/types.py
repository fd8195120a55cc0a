"""What goes from part to part: tensors, where in an input something lies, what is said of it and by whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from numpy.typing import NDArray

TASK_NAME = r"^[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}$"
"""What a task can be called: its domain, and what it answers there."""
Tensors = Mapping[str, NDArray[Any]]
"""Tensors by name; the first axis of each is the batch."""


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """Seconds from the start of the input (of the stream, where it is one)."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels of the full-resolution input, origin at its upper left, after EXIF orientation."""

    left: float
    top: float
    width: float
    height: float

    @property
    def area(self) -> float:
        """In square pixels."""
        return self.width * self.height

    def overlap(self, other: Box) -> float:
        """Intersection over union, 0..1; 0 for boxes without an area."""
        across = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        down = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        shared = max(0.0, across) * max(0.0, down)
        together = self.area + other.area - shared
        return shared / together if together > 0.0 else 0.0


Region = TimeSpan | Box | None


@dataclass(frozen=True, slots=True)
class Decoded:
    """Network inputs for one caller's input, and where in it each row lies.

    tensors: each with the rows as its first axis. regions: one per row.
    """

    tensors: Tensors
    regions: tuple[Region, ...]
    repeatable: ClassVar[bool] = True
    """Whether it can be interpreted once more, with the same answer. A subclass is not unless it says so: it may hold
    the state of its stream."""

    def __init_subclass__(cls) -> None:
        if "repeatable" not in cls.__dict__:
            cls.repeatable = False


@dataclass(frozen=True, slots=True)
class LabelScore:
    """score: 0..1. detected, experimental: see `pipit.answers`; never both."""

    label: str
    score: float
    detected: bool = False
    experimental: bool = False


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one region. scores: best first. label, unknown, uncertain: what it says; see `pipit.answers`.

    label: "" where it says nothing. region_score: 0..1, how sure the detector was that something lies in `region`; 0
    where it found nothing and the region is a stand-in. None: no detector looked for it. quality: 0..1, how well what
    lies in `region` can be judged; None: not measured.
    """

    scores: tuple[LabelScore, ...]
    region: Region = None
    label: str = ""
    unknown: bool = False
    uncertain: bool = False
    region_score: float | None = None
    quality: float | None = None

    @property
    def answer(self) -> LabelScore | None:
        """The score of `label`; None where the answer says nothing."""
        label = self.label
        if label:
            for score in self.scores:
                if score.label == label:
                    return score
        return None


def said(predictions: Iterable[Prediction]) -> LabelScore | None:
    """What an input of several parts says, with its score; None where no part says anything. See `pipit.answers`."""
    answers = [answer for prediction in predictions if (answer := prediction.answer) is not None]
    if len(answers) < 2:
        return answers[0] if answers else None
    return max(answers, key=lambda answer: (answer.detected, answer.score), default=None)


@dataclass(frozen=True, slots=True)
class Identity:
    """What exactly answers. digest: SHA-256 of the bundle's manifest, in hexadecimal."""

    task: str
    version: str
    digest: str
    variant: str


@dataclass(slots=True)
class StageTimes:
    """Seconds on the server. queue: the wait for a turn, and for a batch to fill."""

    decode: float
    queue: float
    run: float
    interpret: float

    @property
    def total(self) -> float:
        """From the input's arrival to its answer."""
        return self.decode + self.queue + self.run + self.interpret


class ModelState(Enum):
    """Whether a task answers."""

    LOADING = "loading"
    SERVING = "serving"
    NOT_SERVING = "not serving"


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One task of a server, for people. identity: None while nothing is loaded.

    signed_by: the id of the trusted key that signed what is loaded, "unsigned", or "not checked" where no key is
    trusted.
    """

    task: str
    environment: str
    state: ModelState
    reason: str
    identity: Identity | None = None
    labels: tuple[str, ...] = ()
    input_kind: str = ""
    signed_by: str = ""
