"""What the data plane takes and gives; `codec` and `open_inference` turn it into messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from pipit.types import Prediction


@dataclass(frozen=True, slots=True)
class Selector:
    """Which model is asked for. Empty: whatever is served."""

    task: str = ""
    version: str = ""
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """What of an answer the caller wants. top_k: labels per prediction, 0 for all. min_score: 0..1."""

    top_k: int = 0
    min_score: float = 0.0


@dataclass(frozen=True, slots=True)
class Identity:
    """What exactly answers. digest: SHA-256 of the bundle's manifest, in hexadecimal."""

    task: str
    version: str
    digest: str
    variant: str


@dataclass(slots=True)
class StageTimes:
    """Seconds. queue: the wait for a turn, and for a batch to fill."""

    decode: float
    queue: float
    run: float
    interpret: float

    @property
    def total(self) -> float:
        """From the input's arrival to its answer."""
        return self.decode + self.queue + self.run + self.interpret


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a model can say. background: the label for nothing of interest; "" if it has none."""

    labels: frozenset[str]
    background: str = ""


@dataclass(slots=True)
class Answer:
    """predictions: one for each part of the input that was looked at."""

    predictions: Sequence[Prediction]
    model: Identity
    times: StageTimes
    vocabulary: Vocabulary


class ModelState(Enum):
    """Whether a task answers."""

    LOADING = "loading"
    SERVING = "serving"
    NOT_SERVING = "not serving"


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One task of the server, for people. identity: None while nothing is loaded."""

    task: str
    environment: str
    state: ModelState
    reason: str
    identity: Identity | None = None
    labels: tuple[str, ...] = ()
    input_kind: str = ""
