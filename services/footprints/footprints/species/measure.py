"""What is measured of a network's scores, by `pipit.training.evaluation`, and what only species need.

mean_class_accuracy           mean over species of the share answered rightly: rare ones count as much
top3_accuracy                 share of prints whose species is among the three best
unknown_rate.prints           share of prints that are called unknown, which they should not be
unknown_rate.without_print    share of pictures without any print that are called unknown, which they should be
detection_rate                share of pictures in which the detector found a print; measured with a detector alone
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipit.bundle.manifest import Decision, Metric
from pipit.training.examples import Asked, Further
from pipit.training.intervals import Estimate, bootstrap_groups, proportion

Scores = NDArray[np.float32]
Truth = NDArray[np.int64]


def further_metrics(
    scores: Scores,
    truth: Truth,
    groups: NDArray[Any],
    decision: Decision,
    without_print: Scores,
    region_scores: NDArray[np.floating] | None,
    seed: int,
) -> dict[str, Metric]:
    """scores, truth, groups: of test prints. without_print: scores of crops without one, any number.

    region_scores: of the test prints, None without a detector.
    """
    best = scores.max(axis=1)
    found: dict[str, Estimate | None] = {
        "mean_class_accuracy": mean_class_accuracy(scores, truth, groups, seed),
        "top3_accuracy": top_accuracy(scores, truth, 3),
        "unknown_rate.prints": _share(best < decision.unknown_below),
        "unknown_rate.without_print": _share(without_print.max(axis=1, initial=0.0) < decision.unknown_below),
        "detection_rate": None if region_scores is None else _share(region_scores > 0),
    }
    return {name: estimate.to_metric() for name, estimate in found.items() if estimate is not None}


def measure_asked(asked: Asked) -> Further:
    """The same of a bundle that was asked about photographs; those without a print are strangers there."""
    regions = [prediction.region_score for prediction in asked.predictions]
    known = np.array([score for score in regions if score is not None])
    none = np.zeros((0, len(asked.labels)), np.float32)
    found = further_metrics(
        asked.scores,
        asked.truth,
        asked.groups,
        asked.decision,
        none,
        known if len(known) == len(regions) else None,
        asked.seed,
    )
    return Further(found, "species")


def mean_class_accuracy(scores: Scores, truth: Truth, groups: NDArray[Any], seed: int) -> Estimate:
    """The mean recall of species that have samples, with an interval over groups."""
    of_truth = np.eye(scores.shape[1])[truth]
    right = of_truth * (scores.argmax(axis=1) == truth)[:, np.newaxis]

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        support = weights @ of_truth
        present = support > 0
        means: NDArray[np.float64] = (weights @ right / np.maximum(support, 1.0)).sum(axis=1) / present.sum(axis=1)
        return means

    value = float(statistic(np.ones((1, len(truth))))[0])
    interval = bootstrap_groups(groups, statistic, seed) if len(np.unique(groups)) > 1 else (None, None)
    return Estimate(value, len(truth), *interval)


def top_accuracy(scores: Scores, truth: Truth, count: int) -> Estimate | None:
    """Share of samples whose label is among the `count` best."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    return _share((best == truth[:, np.newaxis]).any(axis=1))


def _share(hits: NDArray[np.bool_]) -> Estimate | None:
    return proportion(int(hits.sum()), len(hits))
