"""How scores become blocks: the numbers that a policy consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput

_SUREST = 1e-4
"""A score is taken to be at least so far from 0 and 1: no single look is certain."""


@dataclass(frozen=True, slots=True)
class Durations:
    """In seconds. between_least, block_least: neither a block, nor what lies between two, is ever shorter.

    between_mean, block_mean: how long they last on average; above the least, all lengths that are left are as likely as
    an exponential distribution has them.
    """

    between_least: float
    block_least: float
    between_mean: float
    block_mean: float

    def __post_init__(self) -> None:
        """Raises InvalidInput."""
        for least, mean, what in (
            (self.between_least, self.between_mean, "between blocks"),
            (self.block_least, self.block_mean, "in blocks"),
        ):
            if not (0.0 <= least < mean < float("inf")):
                raise InvalidInput(
                    f"a time {what} of at least {least:g} s and {mean:g} s on average can't be; the mean is longer"
                )


@dataclass(frozen=True, slots=True)
class Policy:
    """prior: share of moments in blocks, in the data that the scores were learnt on.

    trust: how much of a look's evidence counts; looks that follow each other see nearly the same, so that a second
    tells less than its looks seem to. limit: of the evidence of a second, nats, so that no few looks outvote minutes.
    enter, leave: live, a block begins once it is as likely as `enter`, and ends once it is as unlikely as `leave`.
    threshold, hold_in, hold_out: of the debounce; seconds for which a score has to stay beyond the threshold.
    gap: seconds without a look after which what was known is forgotten, as after a seek. blind: seconds without a
    score after which no block is said to run.
    """

    durations: Durations
    prior: float = 0.5
    trust: float = 1.0
    limit: float = 4.0
    enter: float = 0.9
    leave: float = 0.5
    threshold: float = 0.5
    hold_in: float = 4.0
    hold_out: float = 2.0
    gap: float = 15.0
    blind: float = 10.0

    def __post_init__(self) -> None:
        """Raises InvalidInput."""
        if not (0.0 < self.prior < 1.0 and 0.0 < self.leave <= self.enter < 1.0 and 0.0 < self.threshold < 1.0):
            raise InvalidInput(f"a policy needs shares between 0 and 1, and leaves no higher than it enters: {self}")
        if not (self.trust > 0.0 and self.limit > 0.0 and self.gap > 0.0 and self.blind > 0.0):
            raise InvalidInput(f"a policy's trust, limit, gap and blind are above 0: {self}")
        if self.hold_in < 0.0 or self.hold_out < 0.0:
            raise InvalidInput(f"a policy's holds are not negative: {self}")

    @property
    def parameters(self) -> dict[str, Any]:
        """As a bundle holds them; the inverse of `policy_of`."""
        return asdict(self)

    def evidence(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Nats a second, of scores (n,): above 0 where they speak for a block. 0 where a score is not known (NaN)."""
        rates = (log_odds(scores) - log_odds(np.array(self.prior))) * self.trust
        limited: NDArray[np.float64] = np.clip(np.nan_to_num(rates, nan=0.0), -self.limit, self.limit)
        return limited


def policy_of(parameters: Mapping[str, Any]) -> Policy:
    """From a bundle's parameters. Raises InvalidInput."""
    try:
        durations = Durations(**{field.name: float(parameters["durations"][field.name]) for field in fields(Durations)})
        numbers = {field.name: float(parameters[field.name]) for field in fields(Policy) if field.name != "durations"}
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"the policy's parameters are wrong ({type(error).__name__}: {error})") from error
    return Policy(durations, **numbers)


def log_odds(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Of shares between 0 and 1, kept a little away from both; NaN stays."""
    kept = np.clip(np.asarray(scores, np.float64), _SUREST, 1.0 - _SUREST)
    found: NDArray[np.float64] = np.log(kept) - np.log1p(-kept)
    return found
