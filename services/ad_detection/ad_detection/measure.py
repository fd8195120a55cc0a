"""What is measured of frames that are called an advertisement, at the bundle's threshold.

precision   share of them that are one
recall      share of the advertisements' frames that are found
f1          their harmonic mean
Intervals are over programmes: frames of one look alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipit.bundle.manifest import Decision, Metric
from pipit.training.examples import Asked, Further
from pipit.training.intervals import Estimate, bootstrap_groups

AD = "ad"

Hits = NDArray[np.bool_]
Counts = NDArray[np.float64]


def measure(
    labels: Sequence[str], scores: NDArray[np.floating], truth: NDArray[np.integer], groups: NDArray[Any],
    decision: Decision, seed: int,
) -> dict[str, Metric]:  # fmt: skip
    """scores: (rows, labels). truth: positions of labels, (rows,). groups: programmes, (rows,)."""
    place = list(labels).index(AD)
    return detected(scores[:, place] >= decision.thresholds[AD], truth == place, groups, seed)


def measure_asked(asked: Asked) -> Further:
    """The same of a bundle that was asked: `pipit evaluate`."""
    found = measure(asked.labels, asked.scores, asked.truth, asked.groups, asked.decision, asked.seed)
    return Further(found, "advertisements")


def detected(called: Hits, is_ad: Hits, groups: NDArray[Any], seed: int) -> dict[str, Metric]:
    """called: an advertisement by the threshold, (rows,). is_ad: the truth. groups: programmes, (rows,).

    Where nothing is called an advertisement, precision is 0.
    """
    right, asked, there = (called & is_ad).astype(float), called.astype(float), is_ad.astype(float)
    parts: dict[str, tuple[Counts, Counts]] = {
        "precision": (right, asked),
        "recall": (right, there),
        "f1": (2.0 * right, asked + there),
    }
    return {name: _share(above, below, groups, seed).to_metric() for name, (above, below) in parts.items()}


def _share(above: Counts, below: Counts, groups: NDArray[Any], seed: int) -> Estimate:
    statistic = _ratio(above, below)
    value = float(np.nan_to_num(statistic(np.ones((1, len(above))))[0]))
    interval = bootstrap_groups(groups, statistic, seed) if len(np.unique(groups)) > 1 else (None, None)
    return Estimate(value, len(above), *interval)


def _ratio(above: Counts, below: Counts) -> Callable[[Counts], Counts]:
    def statistic(weights: Counts) -> Counts:
        total = weights @ below
        return np.divide(weights @ above, total, out=np.full_like(total, np.nan), where=total > 0)

    return statistic
