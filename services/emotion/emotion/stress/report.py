"""What is measured of a network's scores on participants never seen.

accuracy, macro_f1, …    as `pipit.training.evaluation` says; groups are participants
auc                      area under the ROC curve, its interval from drawing participants
reference.logistic.*     the same of a logistic regression on the means of a window
reference.clock.*        the same of nothing but the time since the participant began
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pipit.bundle.manifest import Decision
from pipit.training.evaluation import Evaluation, evaluate
from pipit.training.intervals import Estimate
from pipit.training.roc import area_under_curve

from emotion.stress.recipe import StressRecipe
from emotion.stress.recordings import CALM, LABELS, STRESSED
from emotion.stress.reference import clock_scores, logistic_scores
from emotion.stress.windows import Windows

Scores = NDArray[np.float32]


def measure(recipe: StressRecipe, scores: Scores, windows: Windows, decision: Decision) -> Evaluation:
    """scores: (windows, 2), of calm and stressed."""
    return evaluate(
        LABELS,
        windows.truth(recipe.features.stressed_from),
        scores,
        windows.participant,
        alarm_labels=(STRESSED,),
        thresholds=decision.thresholds,
        background=CALM,
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
