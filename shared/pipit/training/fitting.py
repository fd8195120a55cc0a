"""What every framework's training has in common: the learning rate of an epoch, weights of labels, what is left."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipit.training.recipe import Optimiser

LOWEST_LEARNING_RATE = 0.01
"""Of the first learning rate; where the cosine ends and the plateau stops."""
PLATEAU_FACTOR = 0.5


@dataclass(frozen=True, slots=True)
class Fitted:
    """history: by name, one value for each epoch, of interrupted beginnings too. best_epoch: counted from 0."""

    history: Mapping[str, list[float]]
    best_epoch: int


def learning_rate_at(settings: Optimiser, epoch: int, epochs: int) -> float:
    """The rate of an epoch, counted from 0, by a schedule that does not look at the loss."""
    if epoch < settings.warmup_epochs:
        return settings.learning_rate * (epoch + 1) / (settings.warmup_epochs + 1)
    if settings.schedule != "cosine":
        return settings.learning_rate
    done = (epoch - settings.warmup_epochs) / max(1, epochs - settings.warmup_epochs)
    floor = LOWEST_LEARNING_RATE
    return settings.learning_rate * (floor + (1.0 - floor) * (1.0 + math.cos(math.pi * done)) / 2.0)


def plateau_patience(early_stopping_patience: int) -> int:
    """Epochs without a better validation loss after which the rate is lowered: half of those that stop a training."""
    return max(1, early_stopping_patience // 2)


def balanced_weights(labels: NDArray[np.integer], count: int) -> dict[int, float]:
    """A weight for each of `count` labels, so that all weigh the same together. labels: positions, (samples,)."""
    seen = np.bincount(labels, minlength=count)
    present = int((seen > 0).sum())
    return {index: len(labels) / (present * n) if n else 0.0 for index, n in enumerate(seen.tolist())}
