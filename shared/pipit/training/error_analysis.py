"""Where a bundle is wrong: its worst mistakes, what it takes for what, in which groups, and what it then says.

Wrong is an answer whose best label is not the true one, as in the confusion matrix; what it says may be less than that.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from pipit.errors import InvalidInput
from pipit.training.bundle_evaluation import BundleEvaluation
from pipit.training.examples import Asked, Example
from pipit.types import Prediction, TimeSpan

UNKNOWN, NOTHING = "(unknown)", "(nothing)"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong row. best, score: what it was taken for. own_score: of `truth`. prediction: the whole answer."""

    example: Example
    truth: str
    best: str
    score: float
    own_score: float
    prediction: Prediction

    @property
    def surer(self) -> float:
        """By how much the wrong label was the surer one, 0..1."""
        return self.score - self.own_score

    @property
    def where(self) -> str:
        """The example's name, and of a window when it is: `name, 2.5 to 7.5 s`."""
        span = self.prediction.region
        at = f", {span.start:.1f} to {span.end:.1f} s" if isinstance(span, TimeSpan) else ""
        return f"{self.example.name}{at}"


@dataclass(frozen=True, slots=True)
class GroupErrors:
    """One recording, person, programme or picture: its rows, and how many of them are wrong."""

    group: str
    rows: int
    wrong: int


def asked_of(found: BundleEvaluation) -> Asked:
    """What was answered. Raises InvalidInput for a task whose truth is no label: boxes, names of people."""
    if found.answers is None:
        raise InvalidInput(
            f"{found.task} answers with more than labels, so that there are none to confuse; "
            "`pipit evaluate` measures it in its own way"
        )
    return found.answers.asked


def worst_mistakes(asked: Asked, most: int | None = None) -> tuple[Mistake, ...]:
    """The one that was surest of the wrong label first."""
    best = asked.scores.argmax(axis=1)
    mistakes = [
        Mistake(
            asked.examples[row],
            asked.labels[asked.truth[row]],
            asked.labels[best[row]],
            float(asked.scores[row, best[row]]),
            float(asked.scores[row, asked.truth[row]]),
            asked.predictions[row],
        )
        for row in np.flatnonzero(best != asked.truth).tolist()
    ]
    return tuple(sorted(mistakes, key=lambda one: (-one.surer, one.example.name))[:most])


def most_confused(asked: Asked) -> tuple[tuple[str, str, int], ...]:
    """True label, label that it was taken for, how often; the most frequent first."""
    pairs = Counter((one.truth, one.best) for one in worst_mistakes(asked))
    return tuple((*pair, count) for pair, count in sorted(pairs.items(), key=lambda found: (-found[1], found[0])))


def errors_by_group(asked: Asked) -> tuple[GroupErrors, ...]:
    """The group with the most wrong rows first, of equal ones the smaller."""
    rows = Counter(map(str, asked.groups))
    wrong = Counter(map(str, asked.groups[asked.scores.argmax(axis=1) != asked.truth]))
    found = (GroupErrors(group, count, wrong[group]) for group, count in rows.items())
    return tuple(sorted(found, key=lambda one: (-one.wrong, one.rows, one.group)))


def answer_of(prediction: Prediction) -> str:
    """The label that an answer says; `UNKNOWN` or `NOTHING` where it says none."""
    return prediction.label or (UNKNOWN if prediction.unknown else NOTHING)


def said_by_truth(asked: Asked) -> dict[str, Counter[str]]:
    """By true label, in the bundle's order: how often the answer said what, see `answer_of`."""
    said: dict[str, Counter[str]] = {label: Counter() for label in asked.labels}
    for truth, prediction in zip(asked.truth.tolist(), asked.predictions, strict=True):
        said[asked.labels[truth]][answer_of(prediction)] += 1
    return {label: counts for label, counts in said.items() if counts}
