"""The network of `ad_detection.audio`: a row (see `hearing`) to logits of the labels, by one linear layer.

It is a logistic regression: there are few sessions to learn from, and one best solution. What is known of a second by
YAMNet has 1,024 columns, and how the level moves has 16: each of these parts counts alike, whatever its width. Scaling
and parts are folded into the layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.training.fitting import Fitted, fitted
from pipit.training.kit import Labelled
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from ad_detection.audio.hearing import MOVES
from ad_detection.audio.pipeline import INPUT, OUTPUT

LEAST_SCALE = 0.1
"""Of the usual deviation: a column that hardly ever answers would be blown up to noise."""

Rows = NDArray[np.float32]


def parts_of(columns: int) -> list[slice]:
    """Where in a row each part lies."""
    return [slice(0, MOVES), *([slice(MOVES, columns)] if columns > MOVES else [])]


def scale_of(rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offset and divisor of each column, so that each part has a variance of about 1 in all. rows: that train."""
    wide = rows.astype(np.float64)
    divisor = np.empty(rows.shape[1])
    for part in parts_of(rows.shape[1]):
        deviation = wide[:, part].std(axis=0)
        least = max(LEAST_SCALE * float(deviation.mean()), 1e-6)
        divisor[part] = np.maximum(deviation, least) * np.sqrt(part.stop - part.start)
    return wide.mean(axis=0), divisor


def regression(strength: float) -> LogisticRegression:
    """Classes count alike. strength: C of scikit-learn; large ones trust the data."""
    return LogisticRegression(C=strength, class_weight="balanced", max_iter=2000)


def fit_network(
    train: Labelled, validation: Labelled, labels: int, strengths: Sequence[float]
) -> tuple[keras.Model, Fitted, float]:
    """The network, its history (an epoch for each strength) and the strength that has the least validation loss.

    Raises InvalidInput unless the training side has both labels.
    """
    if set(train[1].tolist()) != set(range(labels)):
        raise InvalidInput("the training side lacks a label; add sound of it")
    offset, divisor = scale_of(train[0])
    (rows, truth), (held, held_truth) = (((each - offset) / divisor, known) for each, known in (train, validation))
    history: dict[str, list[float]] = {"loss": [], "val_loss": [], "accuracy": [], "val_accuracy": []}
    found = []
    for strength in strengths:
        model = regression(strength).fit(rows, truth)
        found.append(model)
        for name, given, known in (("", rows, truth), ("val_", held, held_truth)):
            history[f"{name}loss"].append(float(log_loss(known, model.predict_proba(given), labels=model.classes_)))
            history[f"{name}accuracy"].append(float(model.score(given, known)))
    done = fitted(history)
    best = found[done.best_epoch]
    kernel = best.coef_[0] / divisor
    return linear(kernel, float(best.intercept_[0] - offset @ kernel)), done, strengths[done.best_epoch]


def linear(kernel: NDArray[np.float64], bias: float) -> keras.Model:
    """Two logits whose difference is `row @ kernel + bias`, of the second label over the first."""
    inputs = keras.Input((len(kernel),), name=INPUT)
    layer = layers.Dense(2, name=OUTPUT)
    network = keras.Model(inputs, layer(inputs), name="linear")
    # Half on each side, so that neither output has a range of its own in 8 bits.
    layer.set_weights([np.stack([-kernel / 2, kernel / 2], axis=1), np.array([-bias / 2, bias / 2])])
    return network
