"""What is read from files and follows them: certificates, tokens. Nobody has to start a server anew for new ones.

files as they were ──> the value of the last reading
files have changed ──read──> the new value
└── broken ──> the last value goes on, the log says so, and the next look tries again
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Generic, TypeVar

from pipit.errors import PipitError
from pipit.logging import get_logger

T = TypeVar("T")
_log = get_logger(__name__)


class Renewed(Generic[T]):
    """Threads share it."""

    def __init__(self, paths: Sequence[Path], read: Callable[[], T], pause: float = 0.0) -> None:
        """read: may raise a PipitError; what the first one raises is raised here. pause: seconds between two looks."""
        self._paths = tuple(paths)
        self._read = read
        self._pause = pause
        self._lock = threading.Lock()
        # Before the content, so that what changes meanwhile is seen later.
        self._seen = self._state()
        self._value = read()
        self._next = monotonic() + pause
        self._failure = ""

    @property
    def value(self) -> T:
        """Of the files as they are now, or were when they could last be read."""
        # Somebody else looks already: their result is there for the next one.
        if monotonic() >= self._next and self._lock.acquire(blocking=False):
            try:
                self._look()
                self._next = monotonic() + self._pause
            finally:
                self._lock.release()
        return self._value

    @property
    def is_stale(self) -> bool:
        """Whether the files can't be used as they are, so that an older content counts."""
        return bool(self._failure)

    def _look(self) -> None:
        state = self._state()
        if state == self._seen and not self._failure:
            return
        try:
            self._value = self._read()
        except PipitError as error:
            if str(error) != self._failure:
                self._failure = str(error)
                _log.error("not_renewed", reason=self._failure, advice="what was read before goes on; mend the files")
        else:
            self._seen, self._failure = state, ""
            _log.info("renewed", files=[str(path) for path in self._paths])

    def _state(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_state_of(path) for path in self._paths)


def _state_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
