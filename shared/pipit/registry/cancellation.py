"""Ends a fetch from another thread, or where nothing comes any more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipit.errors import Unavailable


class Cancellation:
    """One fetch that another thread may end. It stays ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._ends: list[Callable[[], object]] = []

    def cancel(self) -> None:
        """Ends what is going on, and whatever comes later."""
        with self._lock:
            self._cancelled = True
            ends, self._ends = self._ends, []
        for end in ends:
            end()

    def check(self) -> None:
        """Raises Unavailable once it was cancelled."""
        if self._cancelled:
            raise Unavailable("the fetch was cancelled, for another version is wanted; ask for that")

    @contextmanager
    def ending(self, end: Callable[[], object]) -> Iterator[None]:
        """Within it, `cancel` calls `end`. Raises Unavailable if it was cancelled before."""
        with self._lock:
            self.check()
            self._ends.append(end)
        try:
            yield
        finally:
            with self._lock:
                self._ends = [one for one in self._ends if one != end]


class Stall:
    """Calls `end` once nothing has moved for `seconds`, and knows that it did. A context manager."""

    def __init__(self, seconds: float, end: Callable[[], object]) -> None:
        self.stalled = False
        self._seconds = seconds
        self._end = end
        self._over = False
        self._moved = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="download-stall", daemon=True)

    def moved(self) -> None:
        """Something came."""
        self._moved.set()

    def __enter__(self) -> Stall:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._moved.set()
        self._thread.join()

    def _watch(self) -> None:
        while self._moved.wait(self._seconds):
            self._moved.clear()
            if self._over:
                return
        self.stalled = True
        self._end()
