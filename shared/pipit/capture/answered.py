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
_MOST_PARTS = 500
"""Of one example: a recording of an hour has thousands of windows."""


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """An input that was answered.

    size: bytes of it in memory. shows_people: faces are what the task looks at. names_people: labels are names.
    begins: seconds of its stream before it. group: of its stream; "": it is none's. reason: why it is kept; None: it
    is not, unless feedback says that it was wrong. epoch: how often all of the task was forgotten before.
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
        """As an example has them. Names of people are left out: they never leave the device."""
        return tuple(self._part(prediction) for prediction in self.predictions[:_MOST_PARTS])

    def _part(self, prediction: Prediction) -> Part:
        region = prediction.region
        box = (region.left, region.top, region.width, region.height) if isinstance(region, Box) else ()
        span = (region.start - self.begins, region.end - self.begins) if isinstance(region, TimeSpan) else ()
        if self.names_people:
            scores = tuple(Score("known", score.score) for score in prediction.scores[:1])
            return Part(box, span, scores, "known" if prediction.label else "", prediction.unknown)
        scores = tuple(Score(score.label, score.score) for score in prediction.scores[:MOST_SCORES])
        return Part(box, span, scores, prediction.label, prediction.unknown)


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
