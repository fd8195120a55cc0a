"""From which score on a face is named: limits that let in a promised share of strangers, by the number of people.

The more people are known, the likelier a stranger looks like one of them, so that one limit can't keep a promise. They
are measured for a few numbers of people, and lie on a line between two of them in the logarithm of the number.

Source of the terms: ISO/IEC 19795-1 (false-positive identification rate, FPIR; detection and identification rate, DIR).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput

RATES = (0.001, 0.01, 0.05)
"""Shares of strangers who are named as somebody."""
PEOPLE = (1, 5, 20, 100)
"""Known, for whom limits are measured."""
FITTED_SHARE = 0.1
"""Of the highest scores, by which the tail beyond all of them is drawn."""
FEWEST = 3
"""Strangers that a limit lets in, if it is to be read off the scores themselves."""


@dataclass(frozen=True, slots=True)
class OperatingPoints:
    """limits: for each rate one for each number of people, in the unit of the scores that they were measured on.

    spread: by how much scores of the right people differ, in the same unit; 0.5 to 0.73 is one of it.
    """

    rates: tuple[float, ...]
    people: tuple[int, ...]
    limits: tuple[tuple[float, ...], ...]
    spread: float

    def __post_init__(self) -> None:
        """Raises InvalidInput for limits that no number of people can be looked up in."""
        shapes = len(self.limits) == len(self.rates) and all(len(row) == len(self.people) for row in self.limits)
        if not self.rates or not self.people or not shapes:
            raise InvalidInput("operating points need a limit for each rate and each number of people")
        if list(self.people) != sorted(set(self.people)) or self.people[0] < 1:
            raise InvalidInput(f"numbers of people must grow from at least 1, not {list(self.people)}")
        if not all(math.isfinite(limit) for row in self.limits for limit in row) or not 0.0 < self.spread < math.inf:
            raise InvalidInput("limits must be finite, and their spread more than 0")

    def limit(self, rate: float, people: int) -> float:
        """The score from which on a face is named. Beyond the numbers of people that were measured the line goes on.

        Raises InvalidInput for a rate that was not measured, and for nobody.
        """
        if rate not in self.rates:
            known = ", ".join(f"{one:g}" for one in self.rates)
            raise InvalidInput(f"no limits for the rate {rate:g}; there are {known}")
        if people < 1:
            raise InvalidInput("there is no limit for nobody")
        row = self.limits[self.rates.index(rate)]
        if len(row) == 1:
            return row[0]
        places = [math.log(number) for number in self.people]
        at = math.log(people)
        after = next((index for index in range(1, len(row) - 1) if at <= places[index]), len(row) - 1)
        share = (at - places[after - 1]) / (places[after] - places[after - 1])
        # More people never make a stranger less like all of them, whatever the noise of a measurement.
        return row[after - 1] + max(0.0, share) * (row[after] - row[after - 1])

    def to_parameters(self) -> dict[str, Any]:
        """As a bundle holds it."""
        return {
            "rates": list(self.rates),
            "people": list(self.people),
            "limits": [list(row) for row in self.limits],
            "spread": self.spread,
        }


def operating_points_of(parameters: Mapping[str, Any]) -> OperatingPoints:
    """The inverse of `OperatingPoints.to_parameters`. Raises InvalidInput."""
    try:
        return OperatingPoints(
            tuple(float(rate) for rate in parameters["rates"]),
            tuple(int(number) for number in parameters["people"]),
            tuple(tuple(float(limit) for limit in row) for row in parameters["limits"]),
            float(parameters["spread"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"the operating points are wrong ({error}); they need rates, people, limits and spread"
        ) from error


def limit_at(scores: NDArray[np.floating], rate: float, faces: int | None = None) -> float:
    """The score that the next stranger reaches with a chance of `rate`.

    scores: the best of each stranger, (n,); -inf: never named. faces: how many different ones there are, where each was
    asked about several times. The next stranger counts as let in already, else a promise would be broken half the time.
    For rates that would let in fewer than `FEWEST` of them, the highest scores are taken to thin out exponentially, as
    the tails of most bell-like distributions do. Raises InvalidInput for fewer than two scores that are finite.

    Sources: V. Vovk et al., Algorithmic Learning in a Random World (2005), conformal prediction; J. Pickands,
    Statistical Inference Using Extreme Order Statistics, Annals of Statistics 3 (1975).
    """
    count = len(scores)
    faces = count if faces is None else faces
    finite = np.sort(scores[np.isfinite(scores)].astype(np.float64))[::-1]
    if len(finite) < 2:
        raise InvalidInput(f"a limit needs scores of at least two strangers, not {len(finite)}")
    let_in = (rate * (faces + 1) - 1.0) / faces * count
    if rate * (faces + 1) >= FEWEST:
        place = math.floor(let_in)
        if place < len(finite):
            return float(finite[max(place - 1, 0)] + finite[place]) / 2.0
        return float(finite[-1])
    fitted = min(max(2, math.ceil(FITTED_SHARE * count)), len(finite) - 1)
    start = float(finite[fitted])
    thinning = float(np.mean(finite[:fitted] - start))
    known = fitted / count * faces
    reached = (known + 1.0) / (faces + 1.0)
    # How fast they thin out is itself known from so few scores; that makes the next one's tail a little longer.
    longer: float = (reached / rate) ** (1.0 / known) - 1.0
    return start + thinning * known * max(0.0, longer)


def growing(limits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Limits, (rates, numbers of people), that never fall with more people, nor with a lower rate.

    rates: growing. What would fall by the noise of a measurement stands where its neighbour does.
    """
    by_people = np.maximum.accumulate(np.asarray(limits, np.float64), axis=1)
    strict: NDArray[np.float64] = np.maximum.accumulate(by_people[::-1], axis=0)[::-1]
    return strict
