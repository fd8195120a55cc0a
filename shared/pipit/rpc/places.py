"""A number of places, a fair share of them for each caller, and a refusal instead of a queue when all are taken."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipit.errors import QueueFull
from pipit.rpc.callers import caller

Share = Callable[[int], int]
"""How many of so many places one caller may hold: `Tokens.share`."""


def everything(places: int) -> int:
    """The share of whoever has no others beside them."""
    return places


class Places:
    """Threads share one."""

    def __init__(self, places: int, refusal: str, share: Share = everything) -> None:
        """refusal: what the one who comes too late is told."""
        self._places = places
        self._refusal = refusal
        self._share = share
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """How many are taken now."""
        return self._taken.total()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Takes a place for as long as the block runs, for whoever calls. Raises QueueFull."""
        who = caller().name
        with self._lock:
            if self._taken.total() >= self._places:
                raise QueueFull(self._refusal)
            if self._taken[who] >= self._share(self._places):
                raise QueueFull(f"{who} has {self._taken[who]} of {self._places} places; the rest is for other callers")
            self._taken[who] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[who] -= 1
                if not self._taken[who]:
                    del self._taken[who]
