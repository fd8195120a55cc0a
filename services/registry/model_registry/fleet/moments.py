"""What time it is in a rollout, by a clock that never jumps: a date that is wrong, here or elsewhere, only delays it.

The time is that at which the rollout began to wait, as its document says, and the seconds since this copy first saw it
wait. So it never runs ahead of what really passed, whatever the date is on the copy that wrote it and on this one. The
price: a copy that starts anew lets a stage last its time once more, unless another copy has watched it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic

from model_registry.rollouts.document import RolloutRecord


class Moments:
    """Threads may share it."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """clock: seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._first: dict[str, tuple[object, float]] = {}

    def of(self, rollout: RolloutRecord) -> datetime:
        """What time it is there."""
        if rollout.ended_at is not None:
            return rollout.ended_at
        waits = (rollout.stage, rollout.waits_since)
        now = self._clock()
        with self._lock:
            known = self._first.get(rollout.id)
            if known is None or known[0] != waits:
                known = self._first[rollout.id] = (waits, now)
        return rollout.waits_since + timedelta(seconds=now - known[1])
