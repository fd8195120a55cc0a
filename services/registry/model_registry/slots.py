"""A number of places, and a refusal instead of a queue when all are taken."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pipit.errors import QueueFull


class Slots:
    """Threads share one. refusal: what the one who comes too late is told."""

    def __init__(self, places: int, refusal: str) -> None:
        self._places = places
        self._refusal = refusal
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """How many are taken now."""
        return self._taken

    @contextmanager
    def take(self) -> Iterator[None]:
        """Takes a place for as long as the block runs. Raises QueueFull."""
        with self._lock:
            if self._taken >= self._places:
                raise QueueFull(self._refusal)
            self._taken += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1
