"""How far a measured number may lie from the true one: 95 % confidence intervals.

Wilson (1927) for a share of independent samples, Garwood (1936) for a rate of events, and a bootstrap over whole groups
where samples of one recording or person are alike: drawing them one by one would promise too much.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from pipit.bundle.manifest import Metric
from pipit.errors import InvalidInput
from pipit.intervals import wilson

__all__ = [
    "CONFIDENCE",
    "TAIL",
    "Estimate",
    "Statistic",
    "bootstrap_groups",
    "grouped_share",
    "poisson_rate",
    "proportion",
    "wilson",
]

CONFIDENCE = 0.95
TAIL = (1.0 - CONFIDENCE) / 2.0

_WEIGHTS_AT_ONCE = 4_000_000
"""Bounds the bootstrap's memory: 32 MB."""

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From weights, shape (rounds, samples), to one value a round; NaN where a round leaves it without meaning."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured number. samples: how many stand behind it. low, high: its 95 % interval, None if there is none."""

    value: float
    samples: int
    low: float | None = None
    high: float | None = None

    def to_metric(self) -> Metric:
        """As a manifest keeps it."""
        return Metric(value=self.value, samples=self.samples, low=self.low, high=self.high)

    def to_json(self) -> dict[str, Any]:
        """Every field."""
        return asdict(self)


def proportion(successes: int, trials: int) -> Estimate | None:
    """A share with Wilson's interval; None without trials."""
    if not trials:
        return None
    low, high = wilson(successes, trials)
    return Estimate(successes / trials, trials, low, high)


def grouped_share(hits: NDArray[np.bool_], groups: NDArray[Any], seed: int) -> Estimate | None:
    """A share whose interval is over groups, of which samples are alike; None without samples. Both: (samples,)."""
    if not len(hits):
        return None
    names, member = np.unique(groups, return_inverse=True)
    value, count = float(hits.mean()), len(names)
    if count < 2:
        return Estimate(value, len(hits))
    # A group counts as often as it is drawn, so that its sums are all that is needed of it.
    right, size = np.bincount(member, hits).astype(np.float64), np.bincount(member).astype(np.float64)
    low, high = bootstrap_groups(names, lambda weights: weights @ right / (weights @ size), seed)
    if low == high:
        # All groups are alike, so that drawing them shows no spread. That proves no more than so many groups can.
        low, high = wilson(value * count, count)
    return Estimate(value, len(hits), low, high)


def poisson_rate(events: int, exposure: float) -> tuple[float, float, float]:
    """Events per unit of exposure, with the exact interval: (rate, low, high).

    No events still give an upper limit, 3.69 / exposure. Source: F. Garwood, Fiducial Limits for the Poisson
    Distribution, Biometrika 28 (1936). Raises InvalidInput for fewer than 0 events, or no exposure.
    """
    if events < 0 or not exposure > 0.0:
        raise InvalidInput(f"{events} events in {exposure} have no rate; it needs an exposure above 0")
    low = float(chi2.ppf(TAIL, 2 * events)) / 2.0 if events else 0.0
    high = float(chi2.ppf(1.0 - TAIL, 2 * events + 2)) / 2.0
    return events / exposure, low / exposure, high / exposure


def bootstrap_groups(groups: NDArray[Any], statistic: Statistic, seed: int, rounds: int = 1000) -> tuple[float, float]:
    """Percentile interval of `statistic`, found by drawing as many groups as there are, with replacement.

    groups: one name for each sample, shape (samples,). Raises InvalidInput for fewer than two groups, or if no round
    has a value. Source: B. Efron, R. Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13.
    """
    names, member = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise InvalidInput("a bootstrap over groups needs at least two of them")
    generator = np.random.default_rng(seed)
    at_once = max(1, _WEIGHTS_AT_ONCE // max(1, len(member)))
    values = []
    for start in range(0, rounds, at_once):
        size = min(at_once, rounds - start)
        drawn = generator.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=size)
        values.append(statistic(drawn.astype(np.float64)[:, member]))
    measured = np.concatenate(values)
    measured = measured[~np.isnan(measured)]
    if not len(measured):
        raise InvalidInput("the statistic has no value in any round of the bootstrap")
    low, high = np.quantile(measured, [TAIL, 1.0 - TAIL])
    return float(low), float(high)
