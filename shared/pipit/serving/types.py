"""What the data plane takes and gives; `codec` and `open_inference` turn it into messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipit.types import Identity, ModelState, ModelStatus, Prediction, StageTimes

if TYPE_CHECKING:
    from pipit.capture.answered import Answered

__all__ = ["Answer", "Identity", "ModelState", "ModelStatus", "Options", "Selector", "StageTimes"]


@dataclass(frozen=True, slots=True)
class Selector:
    """Which model is asked for. Empty: whatever is served."""

    task: str = ""
    version: str = ""
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """What of an answer the caller wants. top_k: labels per prediction, 0 for all. min_score: 0..1.

    What the answer says, and what was detected, is never left out.
    """

    top_k: int = 0
    min_score: float = 0.0


@dataclass(slots=True)
class Answer:
    """predictions: one for each part of the input that was looked at. labels: all that the model knows.

    names_people: the labels are people, as known when one looks. kept: its input, in case that it was wrong.
    """

    predictions: Sequence[Prediction]
    model: Identity
    times: StageTimes
    labels: Collection[str]
    names_people: bool = False
    kept: Answered | None = None
