"""What every framework's training has in common: the learning rate of an epoch, the best epoch, weights of labels.

An epoch whose validation loss is no number is never the best one. It is kept in the history, as `null` in a file and as
a gap in the picture, and counts as one that was no better; a training that has no other ends with an error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.training.recipe import Optimiser

LOWEST_LEARNING_RATE = 0.01
"""Of the first learning rate; where the cosine ends and the plateau stops."""
PLATEAU_FACTOR = 0.5


@dataclass(frozen=True, slots=True)
class Fitted:
    """history: by name, one value for each epoch, of interrupted beginnings too. best_epoch: counted from 0."""

    history: Mapping[str, list[float]]
    best_epoch: int


def best_epoch(losses: Sequence[float]) -> int | None:
    """The epoch, counted from 0, of the lowest validation loss; None if none of them is a number."""
    finite = [epoch for epoch, loss in enumerate(losses) if math.isfinite(loss)]
    return min(finite, key=lambda epoch: losses[epoch], default=None)


def epochs_without_gain(losses: Sequence[float]) -> int:
    """Epochs since the best one; all of them if none had a loss that is a number."""
    best = best_epoch(losses)
    return len(losses) if best is None else len(losses) - 1 - best


def fitted(history: Mapping[str, Sequence[float]]) -> Fitted:
    """A finished training. Raises InvalidInput, which says what to try, if its validation loss was never a number."""
    losses = list(history.get("val_loss", ()))
    best = best_epoch(losses)
    if best is None:
        raise InvalidInput(
            f"the validation loss was no number in any of {len(losses)} epochs; lower optimiser.learning_rate, and "
            "look for values in the data that are far out (pipit data check)"
        )
    return Fitted({name: list(values) for name, values in history.items()}, best)


def history_to_json(history: Mapping[str, Sequence[float]]) -> dict[str, list[float | None]]:
    """For a file of JSON, which has no NaN."""
    return {name: [value if math.isfinite(value) else None for value in values] for name, values in history.items()}


def history_from_json(kept: Mapping[str, Sequence[float | None]]) -> dict[str, list[float]]:
    """The inverse of `history_to_json`; whatever was no number is NaN."""
    return {name: [math.nan if value is None else float(value) for value in values] for name, values in kept.items()}


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


def sample_weights(labels: NDArray[np.integer], count: int) -> NDArray[np.float32]:
    """`balanced_weights` of each sample. labels: positions, (samples,)."""
    weights = balanced_weights(labels, count)
    return np.array([weights[label] for label in labels.tolist()], np.float32)
