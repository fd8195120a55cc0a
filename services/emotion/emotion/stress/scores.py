"""Makes scores mean what they say, and measures them on participants never seen.

accuracy, macro_f1, …    as `pipit.training.evaluation` says; groups are participants
auc                      area under the ROC curve, its interval from drawing participants
reference.logistic.*     the same of a logistic regression on the means of a window: what a network has to beat
reference.clock.*        the same of nothing but the time since the participant began

A score is s = 1 / (1 + exp(-(scale * logit + offset))), fitted on people nobody trained on: J. Platt, Probabilistic
Outputs for Support Vector Machines (1999). Without the offset this is temperature scaling.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pipit.bundle.manifest import Decision
from pipit.training.alarms import alarm_labels_of
from pipit.training.evaluation import Evaluation, Scores, evaluate
from pipit.training.intervals import Estimate
from pipit.training.roc import area_under_curve
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emotion.stress.pipeline import LEAST_SCALE, Calibration
from emotion.stress.recipe import StressRecipe
from emotion.stress.recordings import LABELS, STRESSED
from emotion.stress.windows import Windows


def fit_calibration(logits: NDArray[np.floating], truth: NDArray[np.integer]) -> Calibration:
    """logits: of validation windows, (windows,). truth: 0 or 1.

    A network that ranks validation people wrongly is left with the least scale, which makes its scores nearly one
    number: it knows nothing. People of one label alone calibrate nothing.
    """
    if len(np.unique(truth)) < 2:
        return Calibration()
    # Hardly any penalty: two numbers need none, but separable logits have no best scale without.
    fitted = LogisticRegression(C=1e3).fit(logits.reshape(-1, 1).astype(np.float64), truth)
    scale = float(fitted.coef_[0, 0])
    if scale >= LEAST_SCALE:
        return Calibration(scale, float(fitted.intercept_[0]))
    share = float(np.clip(truth.mean(), 1e-3, 1.0 - 1e-3))
    return Calibration(LEAST_SCALE, float(np.log(share / (1.0 - share))))


def measure(recipe: StressRecipe, scores: Scores, windows: Windows, decision: Decision) -> Evaluation:
    """scores: (windows, 2), of calm and stressed."""
    return evaluate(
        LABELS,
        windows.truth(recipe.features.stressed_from),
        scores,
        windows.participant,
        alarm_labels=alarm_labels_of((STRESSED,), decision),
        thresholds=decision.thresholds,
        background=decision.background,
        seed=recipe.seed,
    )


def ranking(recipe: StressRecipe, stressed: Scores, windows: Windows) -> Estimate | None:
    """stressed: (windows,)."""
    truth = windows.truth(recipe.features.stressed_from)
    return area_under_curve(truth, stressed, windows.participant, recipe.seed)


def references(recipe: StressRecipe, train: Windows, test: Windows) -> dict[str, Estimate]:
    """What a network has to beat, by the name of the metric."""
    level = recipe.features.stressed_from
    found: dict[str, Estimate] = {}
    for name, scores in {
        "logistic": logistic_scores(train, test, level),
        "clock": clock_scores(train, test, level),
    }.items():
        both = np.stack([1.0 - scores, scores], axis=1)
        found[f"reference.{name}.accuracy"] = measure(recipe, both, test, Decision()).accuracy
        area = ranking(recipe, scores, test)
        if area is not None:
            found[f"reference.{name}.auc"] = area
    return found


def counts_of(recipe: StressRecipe, sides: Mapping[str, Windows]) -> dict[str, dict[str, int]]:
    """Windows by side and label."""
    level = recipe.features.stressed_from
    return {
        side: {label: int((windows.truth(level) == index).sum()) for index, label in enumerate(LABELS)}
        for side, windows in sides.items()
    }


def logistic_scores(train: Windows, test: Windows, stressed_from: float) -> NDArray[np.float32]:
    """Scores of stress by the mean of each channel over the window, (windows,)."""
    return _fitted_scores(_means(train), train.truth(stressed_from), _means(test))


def clock_scores(train: Windows, test: Windows, stressed_from: float) -> NDArray[np.float32]:
    """Scores of stress by nothing but the steps since a person began.

    Where this is good, the order of a study's conditions gives the answer away, and whatever drifts over time looks
    like stress.
    """
    return _fitted_scores(train.elapsed[:, np.newaxis], train.truth(stressed_from), test.elapsed[:, np.newaxis])


def _means(windows: Windows) -> NDArray[np.float64]:
    means: NDArray[np.float64] = windows.rows.mean(axis=1, dtype=np.float64)
    return means


def _fitted_scores(
    train: NDArray[np.number], truth: NDArray[np.int64], test: NDArray[np.number]
) -> NDArray[np.float32]:
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    model.fit(train, truth)
    scores: NDArray[np.float32] = model.predict_proba(test)[:, 1].astype(np.float32)
    return scores
