"""Decides at once whether a block runs, from what has come so far. Never looks ahead; errs to there being none.

    score ── all that has to answer does ──> belief ──> in from `enter` on, out from `leave` down
      ├───── some of it is silent ─────────> debounce, and says so
      └───── nothing answers ──────────────> stays as it is for `blind` seconds, then no block

A look before the last one, or long after it, is a seek: what was known is forgotten. In a pause time does not go on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipit.blocks.belief import Belief
from pipit.blocks.debounce import Debounce
from pipit.blocks.policy import Policy
from pipit.errors import InvalidInput

Mode = Literal["evidence", "debounce", "blind"]
SURE = 0.9
"""How likely a block is held to be where a decision that was made otherwise is gone on from."""


@dataclass(frozen=True, slots=True)
class Moment:
    """inside: whether a block is said to run at `seconds`. probability: that one does, 0..1; NaN without evidence.

    mode: what it was decided by. began: about when the block began, where that is known. was_reset: whether what came
    before was forgotten here.
    """

    seconds: float
    inside: bool
    probability: float
    mode: Mode
    began: float | None = None
    was_reset: bool = False


class LivePolicy:
    """Of one viewer; not for several threads."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        durations = policy.durations
        self._share = durations.block_mean / (durations.block_mean + durations.between_mean)
        self._belief = Belief(durations, self._share)
        self._debounce = Debounce(policy)
        self._inside = False
        self._mode: Mode = "evidence"
        self._last: float | None = None
        self._known: float | None = None
        self._is_paused = False

    @property
    def inside(self) -> bool:
        """As it was said last."""
        return self._inside

    def reset(self) -> None:
        """Forgets what came before: the viewer is elsewhere."""
        self._inside, self._mode = False, "evidence"
        self._last = self._known = None
        self._is_paused = False
        self._belief.begin(self._share)
        self._debounce.begin(inside=False)

    def pause(self) -> None:
        """The next look, whenever it comes, follows the last one at once."""
        self._is_paused = True

    def step(self, seconds: float, score: float, *, whole: bool = True) -> Moment:
        """One look. score: that a block runs, NaN for none. whole: whether all that has to answer has answered.

        Raises InvalidInput for a time that is no finite number, or a score that is no share.
        """
        if not math.isfinite(seconds) or score < 0.0 or score > 1.0:
            raise InvalidInput(f"a score of {score:g} at {seconds:g} s can't be; give a share from 0 to 1, or NaN")
        was_reset = self._last is not None and not self._is_paused and self._is_seek(seconds, self._last)
        if was_reset:
            self.reset()
        start = seconds if self._last is None or self._is_paused else self._last
        if self._is_paused:
            self._known, self._is_paused = seconds, False
        self._last = seconds
        if math.isnan(score):
            return self._blind(seconds, was_reset=was_reset)
        self._known = seconds
        if not whole:
            return self._debounced(seconds, score, was_reset=was_reset)
        if self._mode == "debounce":
            self._belief.begin(SURE if self._inside else 1.0 - SURE)
        self._mode = "evidence"
        probability = self._belief.step(start, seconds, float(self.policy.evidence(np.array(score))))
        self._inside = probability > self.policy.leave if self._inside else probability >= self.policy.enter
        return Moment(
            seconds,
            self._inside,
            probability,
            self._mode,
            self._belief.began if self._inside else None,
            was_reset,
        )

    def _is_seek(self, seconds: float, last: float) -> bool:
        return seconds < last or seconds - last > self.policy.gap

    def _debounced(self, seconds: float, score: float, *, was_reset: bool) -> Moment:
        if self._mode != "debounce":
            self._debounce.begin(self._inside)
        self._mode = "debounce"
        self._inside = self._debounce.step(seconds, score)
        return Moment(seconds, self._inside, math.nan, self._mode, None, was_reset)

    def _blind(self, seconds: float, *, was_reset: bool) -> Moment:
        if self._known is None:
            self._known = seconds
        if seconds - self._known >= self.policy.blind:
            self._inside = False
            self._belief.begin(self._share)
            self._debounce.begin(inside=False)
        return Moment(seconds, self._inside, math.nan, "blind", None, was_reset)
