"""A version that is to be had, and how the way there ended so far.

wished ──> tried ──> had
  ^          ├─ refused: not tried again, until another is wished, or other keys are trusted
  └──pause───┘ what says nothing of the bundle: tried again, ever less often
"""

from __future__ import annotations

from time import monotonic

from pipit.errors import IntegrityError
from pipit.proving import MEMORY
from pipit.serving.attempts import Desired
from pipit.serving.loading import FAULT

_FIRST_RETRY = 1.0
_LAST_RETRY = 60.0
"""Both in seconds."""

_TRIED_AGAIN = {
    "fetch": "can't be fetched and will be tried again",
    MEMORY: "found too little memory here and will be tried again",
    FAULT: "could not be loaded, by a fault of this server, and will be tried again",
}
"""What is said of a step whose failure says nothing of the bundle."""


def is_tried_again(step: str) -> bool:
    """Whether a failure of this step says nothing of the bundle."""
    return step in _TRIED_AGAIN


def told(desired: Desired, step: str, message: str) -> str:
    """The sentence for people, that a step of the way to a version failed."""
    failed = _TRIED_AGAIN.get(step, f"was refused at the step {step}")
    return f"version {desired.version} {failed}: {message}"


class Wish:
    """See the module. Its host's lock guards it."""

    def __init__(self, desired: Desired) -> None:
        self.desired = desired
        self.refused_step = ""
        """Set: it is not tried any more."""
        self.failed_step = ""
        """Where it failed last; empty since it was had."""
        self.is_bad = False
        """That failure is one of the bundle, or of what the registry has of it."""
        self.reason = ""
        """A sentence on that."""
        self.is_had = False
        """A candidate's: it was proven."""
        self._retry_at = 0.0
        self._retry_after = _FIRST_RETRY

    @property
    def is_refused(self) -> bool:
        """Whether it will not be tried by itself."""
        return bool(self.refused_step)

    @property
    def is_due(self) -> bool:
        """Whether it may be tried now."""
        return not self.is_refused and monotonic() >= self._retry_at

    @property
    def due_at(self) -> float | None:
        """When it is to be tried again, of the monotonic clock; None: it does not wait for that."""
        return self._retry_at or None

    def begin(self) -> None:
        """It is tried now."""
        self._retry_at = 0.0

    def fail(self, step: str, reason: str, error: BaseException | None = None) -> None:
        """A step of the way failed."""
        self.failed_step, self.reason = step, reason
        self.is_bad = not is_tried_again(step) or isinstance(error, IntegrityError)
        if is_tried_again(step):
            self._retry_at = monotonic() + self._retry_after
            self._retry_after = min(self._retry_after * 2, _LAST_RETRY)
        else:
            self.refused_step = step

    def lift(self, step: str) -> None:
        """What a refusal at this step rested on may have changed."""
        if self.refused_step == step:
            self.refused_step, self.is_bad = "", False

    def succeed(self) -> None:
        """The way was gone to its end."""
        self.is_had, self.is_bad = True, False
        self.failed_step = self.reason = ""
