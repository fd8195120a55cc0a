"""One budget of memory for all that is decoded at once.

    with BUDGET.request(deadline):              a server, around each request
        with room_for(peak, kept): decode       a decoder, once it knows what a file will take

    request ──nothing held yet──> waits in line until there is room, or its time is over ──> QueueFull
       ├──holds something───────> has room at once, or QueueFull: two that wait for each other would wait for ever
       └──is one nobody waits for─> the same: it stands in nobody's way

What a decoder leaves, `kept` bytes, counts until its request ends. Outside of a request, as in training, nothing is
counted: there one file is decoded after the other.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from time import monotonic

from pipit.errors import InputTooLarge, QueueFull

LONGEST_WAIT = 10.0
"""Seconds that a request without a deadline, or with a later one, waits for memory."""
_MEBIBYTE = 1 << 20


class Budget:
    """Bytes that all requests share. Safe for several threads."""

    def __init__(self, size: int) -> None:
        """size: bytes."""
        self.size = size
        self._lock = threading.Lock()
        self._used = 0
        self._line: deque[tuple[int, threading.Lock]] = deque()

    @property
    def used(self) -> int:
        """Bytes that are promised to requests."""
        return self._used

    @property
    def waiting(self) -> int:
        """Requests that wait for memory."""
        return len(self._line)

    def request(self, deadline: float | None = None, *, waits: bool = True) -> AbstractContextManager[None]:
        """What this thread decodes within counts to the budget. deadline: of the monotonic clock, in seconds.

        waits: in the line, for what others hold; False: QueueFull is raised at once, and nobody comes later for it.
        """
        return _Request(self, deadline, waits=waits)

    def take(self, size: int, until: float | None) -> None:
        """until: of the monotonic clock; None: now or not at all. Raises QueueFull; InputTooLarge for what never fits.

        Whoever waits longest comes first, so that a large picture is not kept waiting by small ones for ever.
        """
        if size > self.size:
            raise InputTooLarge(
                f"to decode this takes {_mebibytes(size)} MiB, the limit is {_mebibytes(self.size)} MiB; make it "
                "smaller, or send a JPEG, which is reduced while it is decoded"
            )
        with self._lock:
            if not self._line and self._used + size <= self.size:
                self._used += size
                return
            if until is None:
                raise self._full()
            turn = threading.Lock()
            turn.acquire()
            waiter = (size, turn)
            self._line.append(waiter)
        if turn.acquire(timeout=max(0.0, until - monotonic())):
            return
        with self._lock:
            if waiter in self._line:
                self._line.remove(waiter)
                self._advance()
                raise self._full()

    def give(self, size: int) -> None:
        """Gives bytes back."""
        with self._lock:
            self._used -= size
            self._advance()

    def _advance(self) -> None:
        while self._line and self._used + self._line[0][0] <= self.size:
            size, turn = self._line.popleft()
            self._used += size
            turn.release()

    def _full(self) -> QueueFull:
        return QueueFull(f"others decode with all of {_mebibytes(self.size)} MiB; try later, or send fewer at once")


class _Request:
    """What one request holds, for as long as its block runs. For one thread."""

    __slots__ = ("_token", "budget", "deadline", "held", "waits")

    def __init__(self, budget: Budget, deadline: float | None, *, waits: bool) -> None:
        self.budget = budget
        self.deadline = deadline
        self.waits = waits
        self.held = 0

    def __enter__(self) -> None:
        self._token = _REQUEST.set(self)

    def __exit__(self, *_: object) -> None:
        _REQUEST.reset(self._token)
        if self.held:
            self.budget.give(self.held)

    def take(self, size: int) -> None:
        until = None
        if self.waits and not self.held:
            until = monotonic() + LONGEST_WAIT
            until = until if self.deadline is None else min(until, self.deadline)
        self.budget.take(size, until)
        self.held += size

    def give(self, size: int) -> None:
        self.held -= size
        self.budget.give(size)


_REQUEST: ContextVar[_Request | None] = ContextVar("request", default=None)


class Room:
    """Memory that was taken for one file. Outside of a request it is not counted."""

    def __init__(self, request: _Request | None) -> None:
        self._request = request
        self.size = 0

    def more(self, size: int) -> None:
        """Further bytes, for a file that turns out to hold more than it said. Raises QueueFull, InputTooLarge."""
        if self._request is not None:
            self._request.take(size)
            self.size += size

    def leave(self, kept: int) -> None:
        """Gives back all but `kept` bytes, which stay with the request."""
        if self._request is not None:
            self._request.give(self.size - min(kept, self.size))


@contextmanager
def room_for(peak: int, kept: int) -> Iterator[Room]:
    """Bytes that are taken within at most, and that stay with the request. Raises QueueFull, InputTooLarge."""
    room = Room(_REQUEST.get())
    room.more(peak)
    try:
        yield room
    except BaseException:
        room.leave(0)
        raise
    room.leave(kept)


def _mebibytes(size: int) -> int:
    return -(-size // _MEBIBYTE)
