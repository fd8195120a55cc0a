"""From a network's numbers to what a caller is told: the one rule, for servers, clients, training and evaluation alike.

    scores of one part of the input (a window, a face, a print) and the bundle's `decision`
       │
       ├─ detected    labels whose score reaches their threshold (0.5 where none is set), but never the background, and
       │              never an experimental label
       ├─ unknown     nothing is detected, and even the best score is under `unknown_below`, or every label of the
       │              bundle is experimental
       ├─ uncertain   the two best scores lie closer than `uncertain_margin`: a person's label would help. It says
       │              nothing of the answer, and may stand beside any
       └─ label       what the answer says:
                        1. the best of the detected labels, even where the background has a higher score
                        2. nothing ("") where it is unknown
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
from typing import Any

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
    """What rows of scores say. detected: (rows, labels). label: a position or NOTHING, (rows,). Others: (rows,)."""

    detected: NDArray[np.bool_]
    label: NDArray[np.int64]
    unknown: NDArray[np.bool_]
    uncertain: NDArray[np.bool_]


def decide(scores: NDArray[np.floating], labels: Sequence[str], decision: Decision) -> Decided:
    """The rule above, for rows of scores, (rows, labels)."""
    names = np.asarray(labels, dtype=object)
    experimental, background = np.isin(names, list(decision.experimental)), names == decision.background
    detected = reached(scores, labels, decision.thresholds) & ~experimental & ~background
    anything = detected.any(axis=1)
    best = scores.argmax(axis=1)
    ranked = np.sort(scores, axis=1)[:, ::-1]
    margin = ranked[:, 0] - ranked[:, 1] if len(labels) > 1 else ranked[:, 0]
    unknown = ~anything & ((ranked[:, 0] < decision.unknown_below) | experimental.all())
    label = (
        np.where(experimental[best], NOTHING, best) if not background.any() else np.full_like(best, background.argmax())
    )
    label[unknown] = NOTHING
    label[anything] = np.where(detected, scores, -np.inf).argmax(axis=1)[anything]
    return Decided(detected, label, unknown, margin < decision.uncertain_margin)


def reached(scores: NDArray[np.floating], labels: Sequence[str], thresholds: Mapping[str, float]) -> NDArray[np.bool_]:
    """Which scores reach the threshold of their label, (rows, labels)."""
    limits = np.array([thresholds.get(label, DEFAULT_THRESHOLD) for label in labels], scores.dtype)
    return np.asarray(np.greater_equal(scores, limits))


def predict(
    scores: NDArray[np.float32], labels: tuple[str, ...], decision: Decision, region: Region = None
) -> Prediction:
    """The answer for one row. scores: shape (labels,), of the labels in their order.

    Raises InvalidInput for scores that are no numbers, as a network gives for such an input.
    """
    if not np.isfinite(scores).all():
        raise InvalidInput("the network gave no finite scores for this input; send finite values")
    decided = decide(scores[np.newaxis], labels, decision)
    said = int(decided.label[0])
    return Prediction(
        scores=tuple(
            LabelScore(labels[i], float(scores[i]), bool(decided.detected[0, i]), labels[i] in decision.experimental)
            for i in np.argsort(-scores, kind="stable")
        ),
        region=region,
        label="" if said == NOTHING else labels[said],
        unknown=bool(decided.unknown[0]),
        uncertain=bool(decided.uncertain[0]),
    )


def nothing_measured(prediction: Prediction) -> Prediction:
    """The same scores, as an answer about nothing: of a window in which no sensor gave a value."""
    scores = tuple(replace(score, detected=False) for score in prediction.scores)
    return replace(prediction, scores=scores, label="", unknown=True)
