"""How sure a network is of its best label on data it never saw: what a device's scores are compared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipit.bundle.manifest import ScoreHistogram
from pipit.errors import InvalidInput
from pipit.metrics import metric_definitions


def score_histogram(scores: NDArray[np.floating]) -> ScoreHistogram:
    """Shares of best scores up to the ends of `pipit_score`'s buckets.

    scores: 0..1, (samples, labels), by the variant that will serve. Raises InvalidInput if there are none, or if one
    lies outside.
    """
    if scores.ndim != 2 or not scores.size or not ((scores >= 0.0) & (scores <= 1.0)).all():
        raise InvalidInput(f"scores of shape {scores.shape} have to be rows of numbers from 0 to 1")
    upper = next(entry.buckets for entry in metric_definitions() if entry.name == "pipit_score")
    # As Prometheus counts: in double precision, a bucket's end belongs to it.
    best = scores.max(axis=1).astype(np.float64)
    share = tuple(float(np.mean(best <= end)) for end in upper)
    return ScoreHistogram(upper=upper, share=share, samples=len(best))
