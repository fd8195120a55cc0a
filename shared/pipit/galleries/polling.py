"""Changes of what can't call back: it is asked again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator


class PolledChanges:
    """See `Changes`."""

    def __init__(self, revision: Callable[[], int], poll_seconds: float) -> None:
        """revision: the present one."""
        self._revision = revision
        self._poll_seconds = poll_seconds
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[int]:
        seen: int | None = None
        while not self._closed.is_set():
            revision = self._revision()
            if revision != seen:
                seen = revision
                yield revision
            self._closed.wait(self._poll_seconds)

    def close(self) -> None:
        """From any thread."""
        self._closed.set()
