"""A score that stays beyond its threshold for a while: all that is asked where evidence can't be trusted."""

from __future__ import annotations

from pipit.blocks.policy import Policy


class Debounce:
    """Of one recording; not for several threads."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.inside = False
        self._since: float | None = None

    def begin(self, inside: bool) -> None:
        """Goes on from a decision that was made otherwise."""
        self.inside, self._since = inside, None

    def step(self, seconds: float, score: float) -> bool:
        """Whether a block runs. seconds: never before an earlier one."""
        if (score >= self._policy.threshold) == self.inside:
            self._since = None
            return self.inside
        if self._since is None:
            self._since = seconds
        if seconds - self._since >= (self._policy.hold_out if self.inside else self._policy.hold_in):
            self.inside, self._since = not self.inside, None
        return self.inside
