"""Follows what a server sends, through every absence of it.

connecting --first message--> following --stream ends, or an item has to be tried again--> pausing
     ^                                                                                        |
     +-------------------- after a pause that doubles up to a limit, with jitter -------------+
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from random import Random
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from pipit.errors import PipitError
from pipit.logging import get_logger

_MOST_DOUBLINGS = 20
_CLOSE_AGAIN = 1.0
"""Seconds until a stream that did not end when it was closed is closed once more."""
_log = get_logger("rpc.following")
_random = Random()
"""Its own: whoever seeds the module's, such as a test, then gets the same numbers again."""
Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)


class Stream(Protocol[Item_co]):
    """What a watch gives. It raises when the server goes away."""

    def __iter__(self) -> Iterator[Item_co]: ...

    def close(self) -> None:
        """Ends the iteration, from any thread."""
        ...


class Following(Generic[Item]):
    """A thread that calls `each` with every item, one after the other.

    What `each` raises ends the stream; after a pause the server is asked anew.
    """

    def __init__(
        self,
        watch: Callable[[], Stream[Item]],
        each: Callable[[Item], None],
        name: str,
        first_pause: float,
        longest_pause: float,
        away: Callable[[PipitError], None] | None = None,
    ) -> None:
        """name: of the thread. first_pause, longest_pause: seconds until the server is asked again.

        away: told, in the thread, why a stream ended that had said nothing.
        """
        self._watch = watch
        self._each = each
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._away = away
        self._stream: Stream[Item] | None = None
        self._failures = 0
        self._stopped = threading.Event()
        self._connected = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the server answers now."""
        return self._connected.is_set()

    def start(self) -> None:
        """Begins; once."""
        self._thread.start()

    def stop(self, timeout: float = 30.0) -> bool:
        """Ends, after an item that is dealt with now. May be called again, and before `start`. Gives whether it ended.

        timeout: seconds after which a callback, or a stream, that does not come back is left behind. Nothing is
        delivered any more when it does, and its thread keeps no process alive.
        """
        self._stopped.set()
        if self._thread.ident is None:
            return True
        end = time.monotonic() + timeout
        while True:
            stream = self._stream
            if stream is not None:
                stream.close()
            self._thread.join(max(0.0, min(_CLOSE_AGAIN, end - time.monotonic())))
            if not self._thread.is_alive():
                return True
            if time.monotonic() >= end:
                _log.warning("follower_left_behind", waited_seconds=timeout)
                return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._follow()
            except PipitError as error:
                # A watch that worked ends whenever its copy of the registry stops, or its connection is too old.
                log = _log.warning if self._failures else _log.info
                log("registry_away", reason=str(error))
                if self._away is not None and not self._connected.is_set() and not self._stopped.is_set():
                    self._away(error)
            except Exception:
                _log.exception("follower_failed")
            self._connected.clear()
            pause = min(self._first_pause * 2**self._failures, self._longest_pause)
            self._failures = min(self._failures + 1, _MOST_DOUBLINGS)
            # Jitter: a registry that comes back is not met by all devices at once.
            self._stopped.wait(pause * _random.uniform(0.5, 1.0))

    def _follow(self) -> None:
        """One stream, to its end."""
        stream = self._stream = self._watch()
        # Whoever stopped before the line above could not close this stream.
        if self._stopped.is_set():
            stream.close()
        try:
            for item in stream:
                if self._stopped.is_set():
                    return
                self._connected.set()
                self._each(item)
                self._failures = 0
        finally:
            stream.close()
