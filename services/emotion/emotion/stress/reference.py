"""What a network has to beat: a logistic regression on the means of a window, and the clock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emotion.stress.windows import Windows


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
