"""Admission: how much work goes on at once, how much may wait, and what is dropped.

    enter ──free place──────────────────────────────> running ──leave──> the longest waiter's turn
      ├──queue full, or the caller's share of it────> QueueFull
      └──queue───> waiting ──place handed over──────> running
                     ├──deadline passes─────────────> DeadlineExceeded
                     └──caller has gone─────────────> DeadlineExceeded (nobody is there to read it)

A place is handed over to the longest waiter, so that newcomers never overtake and each turn wakes one thread.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from time import monotonic
from typing import Any

from pipit.errors import DeadlineExceeded, QueueFull
from pipit.inputs.memory import Budget
from pipit.rpc.callers import caller
from pipit.rpc.places import Share, everything


class Admission:
    """At most `places` requests run; at most `queue` of those that don't wait without limit wait."""

    def __init__(self, places: int, queue: int, memory: Budget | None = None, share: Share = everything) -> None:
        """memory: what those who run may decode with, all together; None: without limit.

        share: of the queue, that one caller may fill.
        """
        self._memory = memory
        self._places = places
        self._queue = queue
        self._share = share
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: deque[_Turn] = deque()
        self._waiting_of: Counter[str] = Counter()

    @property
    def running(self) -> int:
        """Callers whose turn it is."""
        return self._running

    @property
    def waiting(self) -> int:
        """Callers that wait for their turn."""
        return len(self._waiting)

    def widen(self, places: int) -> None:
        """So many requests more may run from now on; fewer, where the number is negative."""
        with self._lock:
            self._places += places
            while self._waiting and self._running < self._places:
                self._running += 1
                self._hand_over()

    def turn(
        self,
        deadline: float | None = None,
        is_wanted: Callable[[], bool] | None = None,
        bounded: bool = True,
    ) -> AbstractContextManager[None]:
        """A place for as long as it lasts; what is decoded within counts to the memory. Arguments as of `enter`."""
        memory = None if self._memory is None else self._memory.request(deadline)
        return _Place(self, memory, (deadline, is_wanted, bounded))

    def enter(
        self,
        deadline: float | None = None,
        is_wanted: Callable[[], bool] | None = None,
        bounded: bool = True,
    ) -> None:
        """Takes a place, which `leave` gives back.

        deadline: of the monotonic clock, in seconds. is_wanted: asked after a wait; False drops the work.
        bounded: False waits even if the queue is full; for callers whose number has a limit of its own.
        Raises QueueFull, DeadlineExceeded.
        """
        if deadline is not None and deadline <= monotonic():
            raise DeadlineExceeded("the deadline was over before work began; allow more time")
        with self._lock:
            if self._running < self._places:
                self._running += 1
                return
            if bounded and len(self._waiting) >= self._queue:
                raise QueueFull(
                    f"{self._running} requests run and {len(self._waiting)} wait; try later, or send fewer at once"
                )
            who = caller().name
            if bounded and self._waiting_of[who] >= self._share(self._queue):
                raise QueueFull(
                    f"{self._waiting_of[who]} requests of {who} wait, and the rest of the queue is for other callers; "
                    "send fewer at once"
                )
            turn = _Turn(who)
            self._waiting.append(turn)
            self._waiting_of[who] += 1
        self._wait(turn, deadline)
        if is_wanted is not None and not is_wanted():
            self.leave()
            raise DeadlineExceeded("the caller left, or its deadline passed, while the request waited")

    def _wait(self, turn: _Turn, deadline: float | None) -> None:
        if deadline is None:
            turn.lock.acquire()
            return
        if turn.lock.acquire(timeout=max(0.0, min(deadline - monotonic(), threading.TIMEOUT_MAX))):
            return
        with self._lock:
            handed_over = turn not in self._waiting
            if not handed_over:
                self._waiting.remove(turn)
                self._gone(turn)
        if handed_over:
            self.leave()
        raise DeadlineExceeded("the deadline passed while the request waited for its turn; allow more time")

    def leave(self) -> None:
        """Gives the place to the longest waiter, or back."""
        with self._lock:
            if self._waiting and self._running <= self._places:
                self._hand_over()
            else:
                self._running -= 1

    def _hand_over(self) -> None:
        turn = self._waiting.popleft()
        self._gone(turn)
        turn.lock.release()

    def _gone(self, turn: _Turn) -> None:
        self._waiting_of[turn.who] -= 1
        if not self._waiting_of[turn.who]:
            del self._waiting_of[turn.who]


class _Place:
    """A place, and the memory that is decoded with, for as long as its block runs."""

    __slots__ = ("_admission", "_arguments", "_memory")

    def __init__(
        self,
        admission: Admission,
        memory: AbstractContextManager[None] | None,
        arguments: tuple[float | None, Callable[[], bool] | None, bool],
    ) -> None:
        self._admission = admission
        self._memory = memory
        self._arguments = arguments

    def __enter__(self) -> None:
        self._admission.enter(*self._arguments)
        if self._memory is not None:
            self._memory.__enter__()

    def __exit__(self, *error: Any) -> None:
        try:
            if self._memory is not None:
                self._memory.__exit__(*error)
        finally:
            self._admission.leave()


class _Turn:
    """Held until it comes."""

    __slots__ = ("lock", "who")

    def __init__(self, who: str) -> None:
        self.who = who
        self.lock = threading.Lock()
        self.lock.acquire()
