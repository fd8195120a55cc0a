"""Standardises each step by a person's own past, as a device can: never by what comes after.

    mean, deviation of step t   what training participants had, as if seen for `weight` steps, and steps 0 .. t-1

So a stream begins as standardised by other people and becomes standardised by its own, and a later step can change no
earlier one. The device, which sees steps one by one, and the trainer run this same code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pipit.errors import InvalidInput

from emotion.stress.signals import Signals, Values

LARGEST = 5.0
"""Deviations. Anything further off is an error of measurement, or says no more than this."""
LEAST_DEVIATION = 1e-3
DIGITS = 6
"""Of a prior, so that a bundle tells the very numbers that were trained with."""


@dataclass(frozen=True)
class Prior:
    """What is expected of a person who was never seen. mean, deviation: (signals,). weight: in steps."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    weight: float

    def __post_init__(self) -> None:
        """Raises InvalidInput."""
        if self.mean.ndim != 1 or self.mean.shape != self.deviation.shape:
            raise InvalidInput(f"mean and deviation must be as long: {self.mean.shape}, {self.deviation.shape}")
        numbers = np.isfinite(self.mean).all() and np.isfinite(self.deviation).all()
        if not numbers or not (self.deviation > 0.0).all() or not self.weight > 0.0:
            raise InvalidInput("a prior needs finite means, deviations above 0 and a weight above 0")


def prior_of(recordings: Sequence[Values], participants: Sequence[str], weight: float) -> Prior:
    """Of comparable values of training recordings. Every participant counts alike.

    mean: of the participants' means. deviation: the usual one inside a recording, which is what changes.
    Signals that nobody has get 0 and 1.
    """
    names = sorted(set(participants))
    means = np.array([_mean([r for r, p in zip(recordings, participants, strict=True) if p == name]) for name in names])
    spreads = np.array(
        [_spread([r for r, p in zip(recordings, participants, strict=True) if p == name]) for name in names]
    )
    return Prior(
        _rounded(_of_present(means, 0.0)), _rounded(np.maximum(_of_present(spreads, 1.0), LEAST_DEVIATION)), weight
    )


class OwnPast:
    """One person's recording, step by step. Not for several threads."""

    def __init__(self, prior: Prior) -> None:
        self._prior = prior
        self._count = np.zeros_like(prior.mean)
        self._mean = np.zeros_like(prior.mean)
        self._squares = np.zeros_like(prior.mean)

    def standardise(self, step: NDArray[np.float32]) -> NDArray[np.float32]:
        """One step, (signals,), by the steps before it; NaN stays. Then it is part of the past."""
        weight, count = self._prior.weight, self._count
        mean = (weight * self._prior.mean + count * self._mean) / (weight + count)
        variance = (weight * self._prior.deviation**2 + self._squares) / (weight + count)
        standard = (step - mean) / np.sqrt(variance)
        self._remember(step)
        return np.clip(standard, -LARGEST, LARGEST).astype(np.float32)

    def _remember(self, step: NDArray[np.float32]) -> None:
        """Welford's update, https://doi.org/10.1080/00401706.1962.10490022."""
        there = np.isfinite(step)
        value = np.where(there, step, self._mean)
        self._count = self._count + there
        offset = value - self._mean
        self._mean = self._mean + offset / np.maximum(self._count, 1.0)
        self._squares = self._squares + offset * (value - self._mean)


def channels_of(comparable: Values, signals: Signals, past: OwnPast) -> NDArray[np.float32]:
    """What the network sees of steps that follow each other: (steps, signals) to (steps, channels).

    A missing value is 0, which is the person's own mean, and its group's mask is 0.
    """
    rows = [past.standardise(step) for step in comparable]
    standard = np.stack(rows) if rows else np.empty((0, len(signals.names)), np.float32)
    return np.concatenate([np.nan_to_num(standard), signals.present(comparable).astype(np.float32)], axis=1)


def _mean(recordings: Sequence[Values]) -> NDArray[np.float64]:
    return _column_means(np.concatenate(recordings).astype(np.float64))


def _spread(recordings: Sequence[Values]) -> NDArray[np.float64]:
    within = [(values - _column_means(values.astype(np.float64))) ** 2 for values in recordings]
    return np.sqrt(_column_means(np.concatenate(within)))


def _column_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """NaN where a column has no value."""
    there = np.isfinite(values)
    counts = there.sum(axis=0)
    sums = np.where(there, values, 0.0).sum(axis=0)
    means: NDArray[np.float64] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return means


def _of_present(values: NDArray[np.float64], otherwise: float) -> NDArray[np.float64]:
    means = _column_means(values)
    return np.where(np.isfinite(means), means, otherwise)


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([float(f"{value:.{DIGITS}g}") for value in values])
