"""The threshold with the best F1 among those that are precise enough, and on recordings that did not choose it.

On the samples that a threshold is chosen on it looks better than it is. So each recording is called by the threshold
that the others choose, and what is called that way is counted together: the cross-fitted precision. Where that misses
what was asked for, the samples are asked for more, until it does not.

    least  ->  demand (least, then more)  ->  each recording by the threshold of the others  ->  cross-fitted precision
                 ^------------------------------ not over least -----------------------------´
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

STEPS = 20
"""Demands between what was asked for and a precision of 1."""

Hits = NDArray[np.bool_]


def least_precision_threshold(
    scores: NDArray[np.floating], hits: Hits, recordings: Sequence[str] | NDArray[np.object_], least: float
) -> float:
    """scores: of one label, (samples,). hits: whether it is the sample's own. least: precision that has to be exceeded.

    recordings: of each sample; one alone tells nothing about the next, so that then nothing is cross-fitted. Where no
    demand is enough, it is the threshold of the highest.
    """
    names = np.asarray(recordings, dtype=object)
    demands = [least + (1.0 - least) * step / STEPS for step in range(STEPS)]
    fitting = (demand for demand in demands if _cross_fitted(scores, hits, names, demand) > least)
    one = len(set(names.tolist())) < 2
    return best_f1(scores, hits, demands[0] if one else next(fitting, demands[-1]))


def best_f1(scores: NDArray[np.floating], hits: Hits, demand: float) -> float:
    """In the middle between the last score called and the next; of no threshold over the demand, the most precise."""
    order = np.argsort(-scores, kind="stable")
    ranked, right = scores[order].astype(np.float64), np.cumsum(hits[order])
    called = np.arange(1, len(order) + 1)
    # Of equal scores, a threshold takes all or none.
    last = np.append(np.diff(ranked) != 0, True)
    precision, f1 = right / called, 2.0 * right / (called + max(1, int(hits.sum())))
    allowed = last & (precision > demand)
    if not allowed.any():
        allowed = last & (precision == precision[last].max())
    place = int(np.flatnonzero(allowed)[f1[allowed].argmax()])
    below = ranked[place + 1] if place + 1 < len(ranked) else 0.0
    middle = (ranked[place] + below) / 2
    return float(middle if middle > below else ranked[place])


def _cross_fitted(scores: NDArray[np.floating], hits: Hits, names: NDArray[np.object_], demand: float) -> float:
    """Precision of all samples, each called by a threshold of other recordings; 1 where nothing is called."""
    called = np.zeros(len(scores), bool)
    for name in sorted(set(names.tolist())):
        own = names == name
        if not own.all():
            called[own] = scores[own] >= best_f1(scores[~own], hits[~own], demand)
    return float(hits[called].mean()) if called.any() else 1.0
