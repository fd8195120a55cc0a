"""Inputs with what was said of them, in memory alone: until they are kept, or somebody says what was wrong."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipit.examples import Part, Reason, Score
from pipit.inputs import Input
from pipit.types import Box, Identity, Prediction, TimeSpan

MOST_SCORES = 10
_KNOWN = "known"
"""In place of a name."""
_MOST_PARTS = 50
"""Of one model: a recording of an hour has thousands of windows, and the registry takes 100 of two models."""


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """An input that was answered.

    size: bytes of it in memory, with what was said. shows_people: faces are what the task looks at. names_people: its
    labels are names. begins: seconds of its stream before it. group: of its stream; "": it is none's. reason: why it is
    kept; None: it is not, unless feedback says that it was wrong. epoch: how often all of the task was forgotten.
    """

    identity: Identity
    item: Input
    predictions: Sequence[Prediction]
    taken_at: datetime
    size: int
    shows_people: bool = False
    names_people: bool = False
    begins: float = 0.0
    group: str = ""
    reason: Reason | None = None
    epoch: int = 0

    def parts(self) -> tuple[Part, ...]:
        """As an example has them."""
        return parts_of(self.predictions, self.begins, names_people=self.names_people)


def parts_of(predictions: Sequence[Prediction], begins: float = 0.0, *, names_people: bool = False) -> tuple[Part, ...]:
    """begins: as in `Answered`. names_people: names are left out, for they never leave the device."""

    def part(prediction: Prediction) -> Part:
        region, label = prediction.region, prediction.label
        box = (region.left, region.top, region.width, region.height) if isinstance(region, Box) else ()
        span = (region.start - begins, region.end - begins) if isinstance(region, TimeSpan) else ()
        scores = tuple(Score(score.label, score.score) for score in prediction.scores[:MOST_SCORES])
        if names_people:
            label = _KNOWN if label else ""
            scores = tuple(Score(_KNOWN, score.score) for score in prediction.scores[:1])
        return Part(box, span, scores, label, prediction.unknown)

    return tuple(part(prediction) for prediction in predictions[:_MOST_PARTS])


def bytes_said(predictions: Sequence[Prediction]) -> int:
    """About as much memory as these take, with what holds them: of small inputs it is nearly all."""
    return 800 + sum(400 + 120 * len(prediction.scores) for prediction in predictions)


class WaitingForFeedback:
    """The last inputs by request id, so many bytes of them. Threads share it."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._held: OrderedDict[str, Answered] = OrderedDict()
        self._bytes = 0

    def hold(self, request_id: str, answered: Answered) -> None:
        """Of two answers to one request the later one counts, as for `Feedback`."""
        with self._lock:
            self._drop(request_id)
            self._held[request_id] = answered
            self._bytes += answered.size
            while self._bytes > self._most_bytes:
                self._drop(next(iter(self._held)))

    def take(self, request_id: str) -> Answered | None:
        """None: it is not held any more, or never was."""
        with self._lock:
            return self._drop(request_id)

    def forget(self, task: str) -> None:
        """Drops all of a task."""
        with self._lock:
            for request_id in [key for key, one in self._held.items() if one.identity.task == task]:
                self._drop(request_id)

    @property
    def size(self) -> int:
        """Bytes."""
        return self._bytes

    def _drop(self, request_id: str) -> Answered | None:
        answered = self._held.pop(request_id, None)
        if answered is not None:
            self._bytes -= answered.size
        return answered
