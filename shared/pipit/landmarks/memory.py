"""What was found in the last few pictures, so that tasks before one camera look at each picture once.

    known, and not told to this asker yet  ──> told
    somebody is just looking for it        ──> waits for that; where that fails, looks itself
    else                                   ──> looks, and tells others for a few seconds

Points and rectangles are kept, never a picture. They are forgotten after `seconds`, whether or not anybody asks again,
and the oldest sooner where there are many. Nobody is told the same thing twice: who asks again, as a benchmark does
with one picture, pays for it again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from time import monotonic
from typing import Any, TypeVar

T = TypeVar("T")

SECONDS = 5.0
"""Requests for two tasks that one program sends one after the other lie less far apart."""
MOST = 256
"""A face is two: where it is, and its points."""
MOST_BYTES = 1 << 20


class _Finding:
    """told: who knows of it. done: whoever looked has ended. found: the value is there. until: seconds of the clock."""

    def __init__(self, asker: object) -> None:
        self.told = {asker}
        self.done = threading.Event()
        self.found = False
        self.value: Any = None
        self.bytes = 0
        self.until = 0.0


class Findings:
    """Shared by the threads of a process."""

    def __init__(
        self,
        seconds: float = SECONDS,
        most: int = MOST,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """seconds, most, most_bytes: how long, how many and how much of them are kept."""
        self._seconds, self._most, self._most_bytes, self._clock = seconds, most, most_bytes, clock
        self._lock = threading.Lock()
        self._searched: dict[Hashable, _Finding] = {}
        self._kept: OrderedDict[Hashable, _Finding] = OrderedDict()
        self._bytes = 0
        self._timer: threading.Timer | None = None

    def __len__(self) -> int:
        """How many are kept."""
        with self._lock:
            return len(self._kept)

    def once(self, key: Hashable, asker: object, look: Callable[[], T], size: Callable[[T], int]) -> T:
        """What `look` finds, or what another asker's `look` found for the same key; nobody may change it.

        size: of a value in bytes. Raises what `look` raises, to its own asker alone.
        """
        while True:
            with self._lock:
                self._forget_old()
                finding = self._searched.get(key) or self._kept.get(key)
                if finding is None or asker in finding.told:
                    finding = self._searched[key] = _Finding(asker)
                    break
                finding.told.add(asker)
            # It ends: `look` asks for nothing here, so it waits for nobody who waits for it.
            finding.done.wait()
            if finding.found:
                value: T = finding.value
                return value
        try:
            value = finding.value = look()
            finding.bytes, finding.found = size(value), True
            return value
        finally:
            self._end(key, finding)

    def _end(self, key: Hashable, finding: _Finding) -> None:
        with self._lock:
            if self._searched.get(key) is finding:
                del self._searched[key]
            if finding.found:
                self._keep(key, finding)
        finding.done.set()

    def _keep(self, key: Hashable, finding: _Finding) -> None:
        before = self._kept.pop(key, None)
        self._bytes += finding.bytes - (before.bytes if before else 0)
        finding.until = self._clock() + self._seconds
        self._kept[key] = finding
        while self._kept and (len(self._kept) > self._most or self._bytes > self._most_bytes):
            self._drop_oldest()
        self._set_timer()

    def _forget_old(self) -> None:
        now = self._clock()
        while self._kept and next(iter(self._kept.values())).until <= now:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, finding = self._kept.popitem(last=False)
        self._bytes -= finding.bytes

    def _set_timer(self) -> None:
        if self._kept and self._timer is None:
            left = next(iter(self._kept.values())).until - self._clock()
            timer = threading.Timer(max(left, 0.0), self._when_time_is_up)
            timer.daemon = True
            # Without one, where the system gives no more threads, the next look forgets; nobody may wait for ever.
            with suppress(RuntimeError):
                timer.start()
                self._timer = timer

    def _when_time_is_up(self) -> None:
        with self._lock:
            self._timer = None
            self._forget_old()
            self._set_timer()


class Asker:
    """One task, or whoever else looks at pictures."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def once(self, key: Hashable, look: Callable[[], T], size: Callable[[T], int]) -> T:
        """See `Findings.once`."""
        return self._findings.once(key, self, look, size)


RECENT = Findings()
"""Of this process."""
