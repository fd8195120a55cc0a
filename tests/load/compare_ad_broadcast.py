"""What each kind of measurement of a real broadcast tells of advertisements, and what a random split would claim.

    python tests/load/compare_ad_broadcast.py

Needs PIPIT_DATA with `ads`: 3,174 frames, no picture and no sound. See `ad_broadcast.py` for members and split. In the
first two thirds each block is scored by what the others taught; the last third is scored by the first two, and chose
nothing. Thresholds: 0.5, and the one of the best F1 on the first two thirds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ad_broadcast import (
    MEMBERS,
    Bits,
    Broadcast,
    Floats,
    boosting,
    broadcast_scores,
    features,
    logistic,
    read_broadcast,
    scored,
)
from measure import write_csv
from numpy.typing import NDArray
from pipit.settings import DataSettings, load_settings
from pipit.training.intervals import Estimate
from pipit.training.roc import area_under_curve
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold

STRENGTH = 0.003
"""C of the comparison of splits, where nothing is chosen."""
FOLDS = 8
"""As many as blocks of the first part, so that as much is taught."""
Row = dict[str, object]


def main() -> None:
    """Prints and writes `docs/measured/ads_broadcast.csv`."""
    data = load_settings(DataSettings).data
    assert data is not None, "set PIPIT_DATA"
    rows: list[Row] = []
    for model in ("logistic", "boosting"):
        broadcast = broadcast_scores(data / "ads", model=model)
        for member, scores in broadcast.scores.items():
            rows += parts(broadcast, model, member, scores)
        rows += splits(data / "ads", broadcast, model)
    rows += constants(broadcast)
    write_csv("ads_broadcast", rows, ("numpy", "scikit-learn"))


def parts(broadcast: Broadcast, model: str, member: str, scores: Floats) -> Iterator[Row]:
    """Ranking and frames of both parts."""
    limit = best_limit(broadcast.truth[~broadcast.last], scores[~broadcast.last])
    for part, where in (("first two thirds", ~broadcast.last), ("last third", broadcast.last)):
        truth, given = broadcast.truth[where], scores[where]
        area = area_under_curve(truth.astype(np.int64), given, broadcast.segment[where])
        assert area is not None
        yield line(model, member, part, "by segment", "auc", area)
        for name, threshold in (("0.5", 0.5), ("chosen", limit)):
            called = given >= threshold
            for metric, value in counted(called, truth).items():
                yield line(model, member, part, f"threshold {name}", metric, Estimate(value, int(where.sum())))
            if where[-1]:
                # A person has looked at every frame; what is neither is left out.
                known = broadcast.reviewed[where] != "other"
                reviewed = (broadcast.reviewed[where] == "ad")[known]
                for metric, value in counted(called[known], reviewed).items():
                    found = Estimate(value, int(known.sum()))
                    yield line(model, member, part, f"threshold {name}, by a person's ruling", metric, found)
        for kind in ("full", "nonstop"):
            own = where & ((broadcast.kind == kind) | ~broadcast.truth)
            value = float(roc_auc_score(broadcast.truth[own], scores[own]))
            yield line(model, member, part, f"spots: {kind}", "auc", Estimate(value, int(own.sum())))


def constants(broadcast: Broadcast) -> Iterator[Row]:
    """The two answers that never change, on the last third."""
    truth = broadcast.truth[broadcast.last]
    for name, called in (("always ad", np.ones(len(truth), bool)), ("always content", np.zeros(len(truth), bool))):
        for metric, value in counted(called, truth).items():
            yield line(name, "none", "last third", "baseline", metric, Estimate(value, len(truth)))


def splits(folder: Path, broadcast: Broadcast, model: str) -> Iterator[Row]:
    """The first part again, split at random and by block, by one and the same model, and without a choice."""
    table = read_broadcast(folder)
    first = np.flatnonzero(~broadcast.last)
    truth = broadcast.truth[first]
    for member in MEMBERS:
        rows = features(table, member)[first]
        found = {
            "split at random, which leaks": by_folds(rows, truth, model, random(len(first))),
            "split by segment": by_folds(rows, truth, model, by_block(broadcast.segment[first])),
        }
        for name, scores in found.items():
            estimate = Estimate(float(roc_auc_score(truth, scores)), len(first))
            yield line(model, member, "first two thirds", name, "auc", estimate)


def random(count: int) -> NDArray[np.int64]:
    """A fold for each frame, drawn without regard to its neighbours."""
    folds = np.empty(count, np.int64)
    for number, (_, test) in enumerate(KFold(FOLDS, shuffle=True, random_state=1).split(np.zeros((count, 1)))):
        folds[test] = number
    return folds


def by_block(segment: NDArray[np.int64]) -> NDArray[np.int64]:
    """A fold for a programme's segment and the break after it."""
    return segment // 2


def by_folds(rows: Floats, truth: Bits, model: str, folds: NDArray[np.int64]) -> Floats:
    """Scores of each fold by what the others taught."""
    scores = np.empty(len(truth))
    for fold in np.unique(folds):
        estimator = boosting() if model == "boosting" else logistic(STRENGTH)
        scores[folds == fold] = scored(estimator, rows, truth, folds != fold, folds == fold)
    return scores


def best_limit(truth: Bits, scores: Floats) -> float:
    """The threshold of the best F1."""
    limits = np.unique(np.quantile(scores, np.linspace(0.0, 1.0, 201)))
    return float(max(limits, key=lambda limit: counted(scores >= limit, truth)["f1"]))


def counted(called: Bits, truth: Bits) -> dict[str, float]:
    """Precision, recall, F1 and accuracy of frames."""
    hits = float((called & truth).sum())
    return {
        "precision": hits / max(1.0, float(called.sum())),
        "recall": hits / float(truth.sum()),
        "f1": 2.0 * hits / float(called.sum() + truth.sum()),
        "accuracy": float((called == truth).mean()),
    }


def line(model: str, member: str, part: str, how: str, metric: str, found: Estimate) -> Row:
    """One line of the table."""
    return {
        "model": model,
        "member": member,
        "part": part,
        "how": how,
        "metric": metric,
        "value": round(found.value, 4),
        "low": "" if found.low is None else round(found.low, 4),
        "high": "" if found.high is None else round(found.high, 4),
        "frames": found.samples,
    }


if __name__ == "__main__":
    main()
