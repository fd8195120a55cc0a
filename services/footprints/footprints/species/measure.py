"""What is measured of a network's scores, by `pipit.training.evaluation`, and what only species need.

mean_class_accuracy           mean over species of the share answered rightly: rare ones count as much
top3_accuracy                 share of prints whose species is among the three best
family_accuracy               share of prints whose family has the highest sum of scores
baseline.family_accuracy      the same of the best constant answer
said.share, said.right        share of prints of which a species or a family is said, and share of these that are right
said.{species,family}_share, said.{species,family}_right    the same of each level
risk_coverage_area            mean share of wrong answers among the surest 1, 2, … all; of a chance order, 1 - accuracy
unknown_rate.prints           share of prints of which nothing is said, which a readable one should not be
unknown_rate.without_print    share of pictures of something else of which nothing is said, which should be all
unknown_rate.<kind>           the same of each kind of them, and of bare ground, which is not among them
likeness_area.<kind>          chance that a print has a higher likeness than such a picture (area under the ROC curve)
detection_rate                share of pictures in which the detector found a print; measured with a detector alone
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipit.answers import Decided, decide
from pipit.bundle.manifest import Decision, Metric
from pipit.training.calibration import coverage_curve
from pipit.training.examples import Asked, Further
from pipit.training.intervals import Estimate, bootstrap_groups, proportion
from pipit.training.roc import area_under_curve

from footprints.names import family_of

Scores = NDArray[np.float32]
Truth = NDArray[np.int64]
Hits = NDArray[np.bool_]
BARE_GROUND = "bare_ground"


def further_metrics(
    labels: Sequence[str],
    scores: Scores,
    truth: Truth,
    groups: NDArray[Any],
    decision: Decision,
    without_print: Mapping[str, Scores],
    region_scores: NDArray[np.floating] | None,
    seed: int,
) -> dict[str, Metric]:
    """scores, truth, groups: of test prints. without_print: scores of crops without one, by their kind.

    region_scores: of the test prints, None without a detector.
    """
    said = decide(scores, labels, decision)
    right = scores.argmax(axis=1) == truth
    members = _families(labels)
    of_truth = members[:, truth].argmax(axis=0)
    found: dict[str, Estimate | None] = {
        "mean_class_accuracy": mean_class_accuracy(scores, truth, groups, seed),
        "top3_accuracy": top_accuracy(scores, truth, 3),
        "family_accuracy": _share((scores @ members.T).argmax(axis=1) == of_truth),
        "baseline.family_accuracy": Estimate(float(np.bincount(of_truth).max() / len(truth)), len(truth)),
        "risk_coverage_area": Estimate(1.0 - float(coverage_curve(right, scores.max(axis=1))[1].mean()), len(truth)),
        "unknown_rate.prints": _share(said.unknown),
        "detection_rate": None if region_scores is None else _share(region_scores > 0),
        **_of_what_is_said(said, truth, labels, decision),
    }
    unknown = {kind: decide(given, labels, decision).unknown for kind, given in without_print.items()}
    others = [hits for kind, hits in unknown.items() if kind != BARE_GROUND]
    found["unknown_rate.without_print"] = _share(np.concatenate(others)) if others else None
    for kind, given in without_print.items():
        found[f"unknown_rate.{kind}"] = _share(unknown[kind])
        both = np.concatenate([scores, given]).sum(axis=1)
        is_print = np.arange(len(both)) < len(scores)
        names = np.concatenate([groups, [f"{kind} {number}" for number in range(len(given))]])
        found[f"likeness_area.{kind}"] = area_under_curve(is_print.astype(np.int64), both, names, seed)
    return {name: estimate.to_metric() for name, estimate in found.items() if estimate is not None}


def measure_asked(asked: Asked) -> Further:
    """The same of a bundle that was asked about photographs; those without a print are strangers there."""
    regions = [prediction.region_score for prediction in asked.predictions]
    known = np.array([score for score in regions if score is not None])
    found = further_metrics(
        asked.labels,
        asked.scores,
        asked.truth,
        asked.groups,
        asked.decision,
        {},
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


def _families(labels: Sequence[str]) -> NDArray[np.float32]:
    """Which labels are of each family, those of one species too, (families, labels)."""
    families = sorted({family_of(label) for label in labels})
    return np.array([[family_of(label) == name for label in labels] for name in families], np.float32)


def _of_what_is_said(
    said: Decided, truth: Truth, labels: Sequence[str], decision: Decision
) -> dict[str, Estimate | None]:
    # Row i: which labels the answer i stands for, those behind the labels being groups; the last one nothing.
    stands_for = np.concatenate(
        [
            np.eye(len(labels), dtype=bool),
            *([[label in group for label in labels]] for group in decision.groups.values()),
            np.zeros((1, len(labels)), bool),
        ]
    )
    right = stands_for[said.label, truth]
    species, anything = (said.label >= 0) & (said.label < len(labels)), said.label >= 0
    family = anything & ~species
    return {
        "said.share": _share(anything),
        "said.right": _share(right[anything]),
        "said.species_share": _share(species),
        "said.species_right": _share(right[species]),
        "said.family_share": _share(family),
        "said.family_right": _share(right[family]),
    }


def _share(hits: Hits) -> Estimate | None:
    return proportion(int(hits.sum()), len(hits))
