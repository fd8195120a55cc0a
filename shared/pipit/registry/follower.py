"""Follows what a device should run, through every absence of the registry.

connecting --first message--> following --stream ends, or a callback has to be tried again--> pausing
     ^                                                                                           |
     +-------------------- after a pause that doubles up to a limit, with jitter ----------------+
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from pipit.errors import DeadlineExceeded, PipitError, Unavailable
from pipit.logging import get_logger
from pipit.registry.client import AssignmentStream, RegistryClient
from pipit.registry.types import Assignment

_MOST_DOUBLINGS = 20
_CLOSE_AGAIN = 1.0
"""Seconds until a stream that did not end when it was closed is closed once more."""
_log = get_logger("registry.follower")


class AssignmentFollower:
    """A thread that calls `on_assignment` with each new assignment of its tasks, one after the other.

    A task of which no version was promoted yet is not reported. What the callback refuses with Unavailable or
    DeadlineExceeded is offered again after a pause; any other exception is logged, and the assignment counts as
    delivered.
    """

    def __init__(
        self,
        client: RegistryClient,
        tasks: Sequence[str],
        environment: str,
        device_id: str,
        on_assignment: Callable[[Assignment], None],
        first_pause: float = 0.5,
        longest_pause: float = 30.0,
    ) -> None:
        """first_pause, longest_pause: seconds until the registry is asked again. The client is not closed here."""
        self._client = client
        self._tasks = tuple(tasks)
        self._environment = environment
        self._device_id = device_id
        self._on_assignment = on_assignment
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._delivered: dict[str, Assignment] = {}
        self._stream: AssignmentStream | None = None
        self._failures = 0
        self._stopped = threading.Event()
        self._connected = threading.Event()
        self._thread = threading.Thread(target=self._run, name="assignment-follower", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the registry answers now."""
        return self._connected.is_set()

    def start(self) -> None:
        """Begins; once."""
        self._thread.start()

    def stop(self, timeout: float = 30.0) -> bool:
        """Ends, after a callback that runs now. May be called again, and before `start`. Gives whether it has ended.

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
            except Exception:
                _log.exception("follower_failed")
            self._connected.clear()
            pause = min(self._first_pause * 2**self._failures, self._longest_pause)
            self._failures = min(self._failures + 1, _MOST_DOUBLINGS)
            # Jitter: a registry that comes back is not met by all devices at once.
            self._stopped.wait(pause * random.uniform(0.5, 1.0))

    def _follow(self) -> None:
        """One stream, to its end."""
        stream = self._stream = self._client.watch(self._tasks, self._environment, self._device_id)
        # Whoever stopped before the line above could not close this stream.
        if self._stopped.is_set():
            stream.close()
        try:
            for assignment in stream:
                if self._stopped.is_set():
                    return
                self._connected.set()
                if assignment and self._delivered.get(assignment.task) != assignment:
                    self._deliver(assignment)
                self._failures = 0
        finally:
            stream.close()

    def _deliver(self, assignment: Assignment) -> None:
        try:
            self._on_assignment(assignment)
        except (Unavailable, DeadlineExceeded):
            raise
        except Exception:
            _log.exception("assignment_failed", task=assignment.task, version=assignment.version)
        self._delivered[assignment.task] = assignment
