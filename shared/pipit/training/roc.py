"""How well a score ranks: the area under the receiver operating characteristic, with an interval over groups."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from pipit.training.intervals import Estimate, Statistic, bootstrap_groups


def area_under_curve(
    truth: NDArray[np.integer], scores: NDArray[np.floating], groups: NDArray[Any], seed: int = 1
) -> Estimate | None:
    """The chance that a positive sample has a higher score than a negative one; ties count half.

    truth: 0 or 1, (samples,). scores: (samples,). groups: name of each sample's person or recording; its interval comes
    from drawing whole groups, and is left out with fewer than two of them. None without samples of both kinds.
    """
    positive = truth.astype(bool)
    if positive.all() or not positive.any():
        return None
    value = float(roc_auc_score(positive, scores))
    if len(np.unique(groups)) < 2:
        return Estimate(value, len(truth))
    return Estimate(value, len(truth), *bootstrap_groups(groups, areas_under(positive, scores), seed))


def areas_under(positive: NDArray[np.bool_], scores: NDArray[np.floating]) -> Statistic:
    """The area for weights of samples, as `bootstrap_groups` asks. positive, scores: (samples,), both kinds among them.

    A round that drew one kind alone has none.
    """
    above, below = scores[positive].astype(np.float64), scores[~positive].astype(np.float64)
    wins = (above[:, np.newaxis] > below) + 0.5 * (above[:, np.newaxis] == below)

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        ours, theirs = weights[:, positive], weights[:, ~positive]
        pairs = ours.sum(axis=1) * theirs.sum(axis=1)
        won = ((ours @ wins) * theirs).sum(axis=1)
        shares: NDArray[np.float64] = np.where(pairs > 0.0, won / np.maximum(pairs, 1.0), np.nan)
        return shares

    return statistic
