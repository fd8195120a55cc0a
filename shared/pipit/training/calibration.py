"""Whether a score means what it says: of the answers with score 0.8, eight of ten should be right."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Samples whose best score lies in (low, high]. score, accuracy: their means; None without samples."""

    low: float
    high: float
    samples: int
    score: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """expected_error: mean distance of score and accuracy over the bins, weighed by samples."""

    expected_error: float
    bins: tuple[CalibrationBin, ...]

    def to_json(self) -> dict[str, Any]:
        """Every field."""
        return asdict(self)


def calibrate(truth: NDArray[np.integer], scores: NDArray[np.floating], bins: int = BINS) -> Calibration:
    """Of the best label, in bins of equal width. truth: (samples,), scores: (samples, labels), samples at least 1.

    Source: Guo et al., On Calibration of Modern Neural Networks, https://arxiv.org/abs/1706.04599.
    """
    best = np.clip(scores.max(axis=1).astype(np.float64), 0.0, 1.0)
    right = scores.argmax(axis=1) == truth
    position = np.clip(np.ceil(best * bins).astype(int) - 1, 0, bins - 1)
    found = []
    error = 0.0
    for index in range(bins):
        inside = position == index
        count = int(inside.sum())
        score = float(best[inside].mean()) if count else None
        accuracy = float(right[inside].mean()) if count else None
        if score is not None and accuracy is not None:
            error += count / len(best) * abs(score - accuracy)
        found.append(CalibrationBin(index / bins, (index + 1) / bins, count, score, accuracy))
    return Calibration(error, tuple(found))


def log_loss(truth: NDArray[np.integer], scores: NDArray[np.floating]) -> float | None:
    """Mean of -ln(score of the true label), in nats; None if the scores of a sample do not sum to 1.

    Scores are clipped at the type's epsilon, as scikit-learn does.
    """
    sums = scores.sum(axis=1, dtype=np.float64)
    if np.abs(sums - 1.0).max() > 1e-3:
        return None
    epsilon = float(np.finfo(scores.dtype).eps)
    own = scores[np.arange(len(truth)), truth].astype(np.float64) / sums
    return float(-np.log(np.clip(own, epsilon, 1.0)).mean())


def coverage_curve(
    right: NDArray[np.bool_], scores: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of the surest 1, 2, … answers: their share of all, and how many of them are right. right, scores: (samples,).

    One less the mean of the second is the area under the risk-coverage curve (Y. Geifman, R. El-Yaniv,
    https://arxiv.org/abs/1805.08206). Equal scores stay in the order that they come in.
    """
    order = np.argsort(-scores, kind="stable")
    counts = np.arange(1, len(order) + 1)
    return counts / len(order), np.cumsum(right[order]) / counts
