"""From a network's numbers to what a caller is told: the one rule, for servers, clients, training and evaluation alike.

    scores of one part of the input (a window, a face, a print) and the bundle's `decision`
       │
       ├─ detected    labels whose score reaches their threshold (0.5 where none is set), but never the background, and
       │              never an experimental label
       ├─ unknown     nothing is detected, and even the best score is under `unknown_below`, or every label of the
       │              bundle is experimental
       ├─ uncertain   the two best scores lie closer than `uncertain_margin`: a person's label would help. It says
       │              nothing of the answer, and may stand beside any
       ├─ groups      labels that belong together: the sum of their scores; reached as labels are detected
       └─ label       what the answer says:
                        1. the best of the detected labels, even where the background has a higher score
                        2. where it is unknown, the best of the groups that reach their threshold, and it is not unknown
                           then; else nothing ("")
                        3. the background, where the bundle has one
                        4. the label with the best score, or nothing where that one is experimental

With a background, labels are alarms: one is said only if it was detected. Without one, as for species and expressions,
every input is of some label: the best is said, and `detected` marks that its score reached the threshold as well.
An experimental score is shown for what it is, a number that was not proven: it is never detected, and never said.
An input of several parts says the best of what was detected in any part, else the best of what parts say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipit.bundle.manifest import Decision
from pipit.errors import InvalidInput
from pipit.types import LabelScore, Prediction, Region

DEFAULT_THRESHOLD = 0.5
"""Of labels that the bundle has none for."""
NOTHING = -1
"""The position of no label."""


def softmax(logits: NDArray[Any]) -> NDArray[np.float32]:
    """Over the last axis."""
    values = np.exp(logits - logits.max(axis=-1, keepdims=True), dtype=np.float64)
    scores: NDArray[np.float32] = (values / values.sum(axis=-1, keepdims=True)).astype(np.float32)
    return scores


@dataclass(frozen=True, slots=True)
class Decided:
    """What rows of scores say. detected: (rows, labels). Others: (rows,).

    label: a position or NOTHING; groups have the positions behind those of the labels.
    """

    detected: NDArray[np.bool_]
    label: NDArray[np.int64]
    unknown: NDArray[np.bool_]
    uncertain: NDArray[np.bool_]


def decide(scores: NDArray[np.floating], labels: Sequence[str], decision: Decision) -> Decided:
    """The rule above, for rows of scores, (rows, labels)."""
    rows = [_decide(row, labels, decision) for row in scores]
    return Decided(
        np.array([row.detected for row in rows], bool).reshape(len(rows), len(labels)),
        np.array([row.label for row in rows], np.int64),
        np.array([row.unknown for row in rows], bool),
        np.array([row.uncertain for row in rows], bool),
    )


class _Row(NamedTuple):
    detected: list[bool]
    label: int
    unknown: bool
    uncertain: bool
    order: list[int]
    groups: list[tuple[float, bool]]


def _decide(scores: NDArray[np.floating], labels: Sequence[str], decision: Decision) -> _Row:
    """Of one row. In plain Python: with so few numbers numpy took three times as long, for each answer of a server."""
    # As wide as the scores, so that a score that equals its threshold reaches it.
    limits = np.array([decision.thresholds.get(label, DEFAULT_THRESHOLD) for label in labels], scores.dtype).tolist()
    values = scores.tolist()
    order = sorted(range(len(values)), key=values.__getitem__, reverse=True)
    silent = {*decision.experimental, decision.background}
    detected = [
        value >= limit and label not in silent for value, limit, label in zip(values, limits, labels, strict=True)
    ]
    best = order[0]
    margin = values[best] - values[order[1]] if len(order) > 1 else values[best]
    found = next((i for i in order if detected[i]), NOTHING)
    proven = len(decision.experimental) < len(labels)
    unknown = found == NOTHING and (values[best] < decision.unknown_below or not proven)
    if found != NOTHING:
        label = found
    elif unknown:
        label = NOTHING
    elif decision.background in labels:
        label = labels.index(decision.background)
    else:
        label = NOTHING if labels[best] in decision.experimental else best
    groups = _groups(values, labels, decision)
    if unknown and any(reaches for _, reaches in groups):
        label, unknown = len(labels) + groups.index(max(group for group in groups if group[1])), False
    return _Row(detected, label, unknown, margin < decision.uncertain_margin, order, groups)


def _groups(values: Sequence[float], labels: Sequence[str], decision: Decision) -> list[tuple[float, bool]]:
    """The score of each group, and whether it reaches its threshold."""
    if not decision.groups:
        return []
    by_label = dict(zip(labels, values, strict=True))
    sums = [min(1.0, sum(by_label[label] for label in members)) for members in decision.groups.values()]
    limits = [decision.thresholds.get(name, DEFAULT_THRESHOLD) for name in decision.groups]
    return [(value, value >= limit) for value, limit in zip(sums, limits, strict=True)]


def reached(scores: NDArray[np.floating], labels: Sequence[str], thresholds: Mapping[str, float]) -> NDArray[np.bool_]:
    """Which scores reach the threshold of their label, (rows, labels)."""
    limits = np.array([thresholds.get(label, DEFAULT_THRESHOLD) for label in labels], scores.dtype)
    return np.asarray(np.greater_equal(scores, limits))


def predict(
    scores: NDArray[np.float32], labels: tuple[str, ...], decision: Decision, region: Region = None
) -> Prediction:
    """The answer for one row: labels and groups, best first. scores: shape (labels,), of the labels in their order.

    Raises InvalidInput for scores that are no numbers, as a network gives for such an input.
    """
    if not np.isfinite(scores).all():
        raise InvalidInput("the network gave no finite scores for this input; send finite values")
    row = _decide(scores, labels, decision)
    values = scores.tolist()
    found = [LabelScore(labels[i], values[i], row.detected[i], labels[i] in decision.experimental) for i in row.order]
    if decision.groups:
        found += [LabelScore(name, *group) for name, group in zip(decision.groups, row.groups, strict=True)]
        found.sort(key=lambda one: -one.score)
    return Prediction(
        scores=tuple(found),
        region=region,
        label="" if row.label == NOTHING else (*labels, *decision.groups)[row.label],
        unknown=row.unknown,
        uncertain=row.uncertain,
    )


def nothing_measured(prediction: Prediction) -> Prediction:
    """The same scores, as an answer about nothing: of a window in which no sensor gave a value."""
    scores = tuple(replace(score, detected=False) for score in prediction.scores)
    return replace(prediction, scores=scores, label="", unknown=True)
