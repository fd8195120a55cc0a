"""From a network's numbers to what a caller is told: logits to scores, scores to labels by the bundle's decision."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.bundle.manifest import Decision
from pipit.errors import InvalidInput
from pipit.types import LabelScore, Prediction, Region

DEFAULT_THRESHOLD = 0.5
"""Of labels that the bundle has none for."""


def softmax(logits: NDArray[Any]) -> NDArray[np.float32]:
    """Over the last axis."""
    values = np.exp(logits - logits.max(axis=-1, keepdims=True), dtype=np.float64)
    scores: NDArray[np.float32] = (values / values.sum(axis=-1, keepdims=True)).astype(np.float32)
    return scores


def predict(
    scores: NDArray[np.float32], labels: tuple[str, ...], decision: Decision, region: Region = None
) -> Prediction:
    """The answer for one row. scores: shape (labels,), of the labels in their order.

    Raises InvalidInput for scores that are no numbers, as a network gives for such an input.
    """
    if not np.isfinite(scores).all():
        raise InvalidInput("the network gave no finite scores for this input; send finite values")
    order = np.argsort(-scores, kind="stable")
    best = float(scores[order[0]])
    second = float(scores[order[1]]) if len(labels) > 1 else 0.0
    return Prediction(
        scores=tuple(
            LabelScore(label, float(scores[i]), bool(scores[i] >= decision.thresholds.get(label, DEFAULT_THRESHOLD)))
            for i in order
            for label in (labels[i],)
        ),
        region=region,
        unknown=best < decision.unknown_below,
        uncertain=best - second < decision.uncertain_margin,
    )
