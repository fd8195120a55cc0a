"""Makes a score mean what it says: s = 1 / (1 + exp(-(scale * logit + offset))), fitted on people nobody trained on.

J. Platt, Probabilistic Outputs for Support Vector Machines (1999). Without the offset this is temperature scaling.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from emotion.stress.pipeline import LEAST_SCALE, Calibration


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
