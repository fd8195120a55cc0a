"""What is measured of frames that are called an advertisement, at the bundle's threshold.

precision   share of them that are one
recall      share of the advertisements' frames that are found
f1          their harmonic mean
Of a training that goes on from a base, the same of frames that the base was made for, and how much F1 it lost there.
Intervals are over programmes: frames of one look alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipit.bundle.manifest import Decision, Metric
from pipit.training.alarms import alarm_labels_of
from pipit.training.evaluation import Evaluation, Scores, evaluate
from pipit.training.examples import Asked, Further
from pipit.training.intervals import Estimate, bootstrap_groups

AD, CONTENT = "ad", "content"

Hits = NDArray[np.bool_]
Counts = NDArray[np.float64]
Statistic = Callable[[Counts], Counts]
"""Of weights of rows, (rounds, rows), one number a round."""


def evaluated(
    labels: tuple[str, ...], scores: Scores, truth: NDArray[np.integer], groups: NDArray[Any],
    decision: Decision, seed: int,
) -> Evaluation:  # fmt: skip
    """What every task of this domain reports of its labels; see `pipit.training.evaluation`."""
    return evaluate(
        labels,
        truth,
        scores,
        groups,
        alarm_labels=alarm_labels_of((AD,), decision),
        thresholds=decision.thresholds,
        background=CONTENT,
        seed=seed,
    )


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


def measure_forgotten(own: Hits, base: Hits, is_ad: Hits, groups: NDArray[Any], seed: int) -> dict[str, Metric]:
    """How well others' frames are called, and how much worse than by the base, in points of F1.

    own, base: called an advertisement by each at its own threshold, (rows,). Intervals: over programmes, of the
    difference too, in which both are drawn alike.
    """
    found = {f"others.{name}": metric for name, metric in detected(own, is_ad, groups, seed).items()}
    found["others.base_f1"] = detected(base, is_ad, groups, seed)["f1"]
    ratios = [
        _ratio(2.0 * (called & is_ad).astype(float), called.astype(float) + is_ad.astype(float))
        for called in (base, own)
    ]

    def lost(weights: Counts) -> Counts:
        return 100.0 * (ratios[0](weights) - ratios[1](weights))

    found["others.f1_loss_points"] = _estimated(lost, groups, len(is_ad), seed).to_metric()
    return found


def _share(above: Counts, below: Counts, groups: NDArray[Any], seed: int) -> Estimate:
    return _estimated(_ratio(above, below), groups, len(above), seed)


def _estimated(statistic: Statistic, groups: NDArray[Any], samples: int, seed: int) -> Estimate:
    value = float(statistic(np.ones((1, samples)))[0])
    # Where nothing is called an advertisement, no drawing of programmes has a precision either.
    can_be_drawn = len(np.unique(groups)) > 1 and not np.isnan(value)
    interval = bootstrap_groups(groups, statistic, seed) if can_be_drawn else (None, None)
    return Estimate(float(np.nan_to_num(value)), samples, *interval)


def _ratio(above: Counts, below: Counts) -> Statistic:
    def statistic(weights: Counts) -> Counts:
        total = weights @ below
        return np.divide(weights @ above, total, out=np.full_like(total, np.nan), where=total > 0)

    return statistic
