"""How well boxes that were found fit boxes that are there.

A found box is right if its intersection over union with a box of the truth is at least `LEAST_OVERLAP` and no better
found one has taken that box. Average precision: the area under precision over recall, where precision is the best that
any higher recall has, at every step of recall (as PASCAL VOC from 2010, http://host.robots.ox.ac.uk/pascal/VOC/).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.training.intervals import Estimate, bootstrap_groups
from pipit.types import Box

from footprints.prints import Print

LEAST_OVERLAP = 0.5


@dataclass(frozen=True, slots=True)
class Matches:
    """Of all pictures. scores, right, picture: of each found box, (found,).

    truths: boxes that are there, (pictures,). groups: a name for each picture, (pictures,).
    """

    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    picture: NDArray[np.int64]
    truths: NDArray[np.int64]
    groups: NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Detection:
    """At one threshold. Samples: found boxes for precision, boxes that are there for recall, pictures for the rest."""

    precision: Estimate
    recall: Estimate
    average_precision: Estimate
    false_pictures: Estimate | None
    """Share of the pictures without a print in which one is found; None where all have one."""


def match(found: Sequence[Sequence[Print]], truths: Sequence[Sequence[Box]], groups: Sequence[str]) -> Matches:
    """found: of each picture, best first. truths: of each picture. groups: what each picture shows."""
    scores, right, picture = [], [], []
    for index, (prints, boxes) in enumerate(zip(found, truths, strict=True)):
        left = list(boxes)
        for one in prints:
            best = max(left, key=one.box.overlap, default=None)
            hit = best is not None and one.box.overlap(best) >= LEAST_OVERLAP
            if hit and best is not None:
                left.remove(best)
            scores.append(one.score)
            right.append(hit)
            picture.append(index)
    return Matches(
        np.array(scores, np.float64),
        np.array(right, bool),
        np.array(picture, np.int64),
        np.array([len(boxes) for boxes in truths], np.int64),
        np.array(groups, dtype=object),
    )


def best_threshold(matches: Matches) -> float:
    """Where F1 is highest: halfway to the next lower score. Raises InvalidInput if nothing right is found."""
    order = np.argsort(-matches.scores, kind="stable")
    hits = matches.right[order].cumsum()
    if not len(hits) or not hits[-1]:
        raise InvalidInput(
            "the trained detector finds no print of the validation pictures; train longer, or look at them"
        )
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + matches.truths.sum())
    last = int(len(f1) - 1 - f1[::-1].argmax())
    scores = matches.scores[order]
    below = scores[last + 1] if last + 1 < len(scores) else 0.0
    return float((scores[last] + below) / 2)


def measure(matches: Matches, threshold: float, seed: int) -> Detection:
    """seed: of the bootstrap over groups. Raises InvalidInput if no picture has a print."""
    total = int(matches.truths.sum())
    if not total:
        raise InvalidInput("none of the pictures to measure on has a print; add some with boxes")
    sure = matches.scores >= threshold
    pictures = len(matches.truths)
    found = np.bincount(matches.picture[sure], minlength=pictures)
    right = np.bincount(matches.picture[sure & matches.right], minlength=pictures)
    empty = matches.truths == 0
    return Detection(
        precision=_share(right, found, matches, seed),
        recall=_share(right, matches.truths, matches, seed),
        average_precision=_average_precision(matches, seed),
        false_pictures=_share((found > 0) & empty, empty, matches, seed) if empty.any() else None,
    )


def _share(part: NDArray[np.integer], of: NDArray[np.integer], matches: Matches, seed: int) -> Estimate:
    """Sums over pictures; 0 where there is nothing to have a share of."""
    total = int(of.sum())
    value = float(part.sum() / total) if total else 0.0

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = weights @ of.astype(np.float64)
        shares: NDArray[np.float64] = np.full(len(sums), np.nan)
        np.divide(weights @ part.astype(np.float64), sums, out=shares, where=sums > 0)
        return shares

    if not total or len(set(matches.groups)) < 2:
        return Estimate(value, total)
    return Estimate(value, total, *bootstrap_groups(matches.groups, statistic, seed))


def _average_precision(matches: Matches, seed: int) -> Estimate:
    order = np.argsort(-matches.scores, kind="stable")
    right, picture = matches.right[order].astype(np.float64), matches.picture[order]

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        values = np.empty(len(weights))
        for row, of_picture in enumerate(weights):
            weight = of_picture[picture]
            total = float(of_picture @ matches.truths)
            hits, seen = (weight * right).cumsum(), weight.cumsum()
            precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
            best = np.maximum.accumulate(precision[::-1])[::-1]
            values[row] = (best * weight * right).sum() / total if total else np.nan
        return values

    value = float(statistic(np.ones((1, len(matches.truths))))[0])
    if len(set(matches.groups)) < 2:
        return Estimate(value, len(matches.truths))
    return Estimate(value, len(matches.truths), *bootstrap_groups(matches.groups, statistic, seed))
