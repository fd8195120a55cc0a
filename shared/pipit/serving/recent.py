"""The last answers by request id, for as long as somebody may say what they should have been."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass

from pipit.errors import InvalidInput, NotFound
from pipit.serving.types import Answer, Identity
from pipit.types import said


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer said and what it should have said. Both labels are "" where none describes the input.

    names_people: labels are people's names.
    """

    model: Identity
    predicted: str
    label: str
    names_people: bool = False

    @property
    def was_right(self) -> bool:
        """Whether the answer needs no correction."""
        return self.predicted == self.label


class RecentAnswers:
    """Remembers so many answers and no more. Threads share it."""

    def __init__(self, size: int) -> None:
        """size: answers; 0 remembers nothing."""
        self._size = size
        self._answers: OrderedDict[str, tuple[Identity, str, Collection[str], bool]] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, request_id: str, answer: Answer) -> None:
        """Keeps an answer. Of two to the same request the later one counts."""
        # Not the answer itself: that of an hour's recording is large.
        best = said(answer.predictions)
        label = "" if best is None else best.label
        with self._lock:
            # In the lock, so that either this sees who is known by now, or `forget_other_names` sees the answer.
            if answer.names_people and label not in answer.labels:
                label = ""
            self._answers.pop(request_id, None)
            self._answers[request_id] = (answer.model, label, answer.labels, answer.names_people)
            if len(self._answers) > self._size:
                self._answers.popitem(last=False)

    def forget_other_names(self, names: Collection[str]) -> None:
        """Answers that named somebody who is not known any more say nothing from now on."""
        with self._lock:
            for request_id, (model, label, labels, names_people) in self._answers.items():
                if names_people and label not in names:
                    self._answers[request_id] = (model, "", labels, names_people)

    def judge(self, request_id: str, label: str, may_ask: Callable[[str], bool] = lambda _: True) -> Verdict:
        """Takes the right label of an answer, once. label: "" for none of the bundle's.

        may_ask: whether a task is there for who asks; an answer of another one is as unknown to them as any.

        Raises NotFound for an answer that is not (or no longer) known, InvalidInput for a label it could not have had.
        """
        with self._lock:
            kept = self._answers.get(request_id)
            if kept is None or not may_ask(kept[0].task):
                raise NotFound(
                    f"no answer to request {request_id[:200]!r} waits for a label: only the last {self._size} of this "
                    "server do, and each takes one"
                )
            model, predicted, labels, names_people = kept
            if label and label not in labels and names_people:
                raise InvalidInput(
                    "nobody of that name is known; send a name as `pipit faces list` shows it, or an empty one if "
                    "it is somebody unknown"
                )
            if label and label not in labels:
                raise InvalidInput(
                    f"{model.task} {model.version} has no label {label[:200]!r}; send one of "
                    f"{', '.join(sorted(labels))}, or an empty one if the input is something else"
                )
            del self._answers[request_id]
        return Verdict(model, predicted, label, names_people)
