"""How likely a block runs now, from what has come so far: the forward filter of a hidden semi-Markov model.

Two states, in a block and between blocks. Neither ends before it has lasted its least time; from then on each ends
with the same chance in every second. A hypothesis is a state and the moment at which it began; those old enough to end
are one, for nothing tells them apart any more. So a doubt of a few seconds does not end a block for good: where the
evidence comes back, the hypothesis that it never ended is still there.

Source: S.-Z. Yu, Hidden semi-Markov models, Artificial Intelligence 174 (2010), with time that is not cut into steps.
"""

from __future__ import annotations

import math
import sys

import numpy as np
from numpy.typing import NDArray

from pipit.blocks.policy import Durations

_NONE = -math.inf


class _State:
    """Log weights. old: of having lasted long enough to end. births, young: of each beginning since."""

    def __init__(self, least: float, mean: float) -> None:
        self.least = least
        self.rest = mean - least
        self.old = _NONE
        self.births: NDArray[np.float64] = np.empty(0)
        self.young: NDArray[np.float64] = np.empty(0)

    def begin(self, share: float) -> None:
        """Of unknown age."""
        self.old = math.log(share)
        self.births, self.young = np.empty(0), np.empty(0)

    def ripen(self, now: float) -> None:
        """What has lasted its least time can end from now on."""
        ripe = int(np.searchsorted(self.births, now - self.least, side="right"))
        if ripe:
            self.old = float(np.logaddexp.reduce(self.young[:ripe], initial=self.old))
            self.births, self.young = self.births[ripe:], self.young[ripe:]

    def leave(self, seconds: float) -> float:
        """Log weight of what ends within some seconds, taken away here."""
        left = self.old + math.log(max(-math.expm1(-seconds / self.rest), sys.float_info.min))
        self.old -= seconds / self.rest
        return left

    def enter(self, weight: float, at: float) -> None:
        """A beginning."""
        if not self.least:
            self.old = float(np.logaddexp(self.old, weight))
        elif weight > _NONE:
            self.births, self.young = np.append(self.births, at), np.append(self.young, weight)

    def add(self, evidence: float) -> None:
        """For all of its hypotheses."""
        self.old += evidence
        self.young = self.young + evidence

    @property
    def total(self) -> float:
        """Log weight."""
        return float(np.logaddexp.reduce(self.young, initial=self.old))


class Belief:
    """Of one recording; not for several threads."""

    def __init__(self, durations: Durations, share: float) -> None:
        """share: of blocks, before anything is known; between 0 and 1."""
        self._between = _State(durations.between_least, durations.between_mean)
        self._block = _State(durations.block_least, durations.block_mean)
        self.begin(share)

    def begin(self, share: float) -> None:
        """Forgets everything but how likely a block is; it may have run for any time."""
        self._between.begin(1.0 - share)
        self._block.begin(share)

    def step(self, start: float, end: float, rate: float) -> float:
        """Evidence of `rate` nats a second, from `start` to `end`, seconds; end is not before start.

        Gives how likely a block runs at its end.
        """
        seconds = end - start
        if seconds > 0.0:
            for state in (self._between, self._block):
                state.ripen(start)
            begun, ended = self._between.leave(seconds), self._block.leave(seconds)
            self._block.enter(begun, start)
            self._between.enter(ended, start)
            self._block.add(rate * seconds)
            both = float(np.logaddexp(self._between.total, self._block.total))
            for state in (self._between, self._block):
                state.add(-both)
        return self.probability

    @property
    def probability(self) -> float:
        """That a block runs, 0..1."""
        difference = self._between.total - self._block.total
        return 0.0 if difference > 700.0 else 1.0 / (1.0 + math.exp(difference))

    @property
    def began(self) -> float | None:
        """The likeliest beginning of a block that may be too young to end; None where an older one is likelier."""
        block = self._block
        if not len(block.young) or block.old >= float(block.young.max()):
            return None
        return float(block.births[int(block.young.argmax())])
