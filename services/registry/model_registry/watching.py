"""Pushes changes of assignments to those who watch.

    a move through this copy ──offer──┐
                                      ├──> latest, by task and environment ──wakes──> every watcher
    a move through another copy ──poll┘

Each watcher remembers the revision it sent, so that nothing is sent twice and nothing newer is missed.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from pipit.errors import IntegrityError, Unavailable
from pipit.logging import get_logger
from pipit.registry.types import Assignment

from model_registry.slots import Slots

_log = get_logger("model_registry.watching")
Key = tuple[str, str]
_LAST_POLL_SECONDS = 5.0


class AssignmentHub:
    """A watcher holds the thread of its call."""

    def __init__(self, read: Callable[[str, str], Assignment], poll_seconds: float, max_watchers: int) -> None:
        """read: (task, environment) -> what stands in the store now. poll_seconds: how often others' moves are seen."""
        self._read = read
        self._poll_seconds = poll_seconds
        self._slots = Slots(
            max_watchers, f"{max_watchers} devices watch this copy of the registry already; add another copy"
        )
        self._changed = threading.Condition()
        self._latest: dict[Key, Assignment] = {}
        self._watched: Counter[Key] = Counter()
        self._closed = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="assignment-poller", daemon=True)

    @property
    def watchers(self) -> int:
        """How many watch now."""
        return self._slots.taken

    def start(self) -> None:
        """Begins to poll."""
        self._poller.start()

    def close(self) -> None:
        """Ends every watch with Unavailable, and the polling."""
        self._closed.set()
        self.wake()
        if self._poller.ident is not None:
            # A store that hangs can't keep the server from ending.
            self._poller.join(_LAST_POLL_SECONDS)

    def wake(self) -> None:
        """Makes every watcher look whether its caller is still there."""
        with self._changed:
            self._changed.notify_all()

    def offer(self, assignment: Assignment) -> None:
        """Passes on what somebody learnt; what is older than the latest is ignored."""
        key = (assignment.task, assignment.environment)
        with self._changed:
            latest = self._latest.get(key)
            if key in self._watched and (latest is None or latest.revision < assignment.revision):
                self._latest[key] = assignment
                self._changed.notify_all()

    def watch(self, tasks: Sequence[str], environment: str, is_active: Callable[[], bool]) -> Iterator[Assignment]:
        """The present assignment of each task, then each change, while `is_active`.

        Call `wake` when that changes. Raises QueueFull over the limit of watchers, Unavailable if the store is away
        at the beginning, or when the hub is closed.
        """
        keys = [(task, environment) for task in dict.fromkeys(tasks)]
        sent: dict[Key, int] = {}
        with self._slots.take(), self._watching(keys):
            for task, name in keys:
                self.offer(self._read(task, name))
            while is_active():
                with self._changed:
                    self._changed.wait_for(lambda: self._news(keys, sent) or self._closed.is_set() or not is_active())
                    news = self._news(keys, sent)
                if self._closed.is_set():
                    raise Unavailable("the registry is stopping; connect again")
                for assignment in news:
                    sent[assignment.task, assignment.environment] = assignment.revision
                    yield assignment

    def _news(self, keys: list[Key], sent: dict[Key, int]) -> list[Assignment]:
        return [
            self._latest[key] for key in keys if key in self._latest and self._latest[key].revision > sent.get(key, -1)
        ]

    @contextmanager
    def _watching(self, keys: list[Key]) -> Iterator[None]:
        with self._changed:
            self._watched.update(keys)
        try:
            yield
        finally:
            with self._changed:
                self._watched.subtract(keys)
                for key in keys:
                    if not self._watched[key]:
                        del self._watched[key]
                        self._latest.pop(key, None)

    def _poll(self) -> None:
        away = False
        while not self._closed.wait(self._poll_seconds):
            with self._changed:
                keys = list(self._watched)
            try:
                for task, environment in keys:
                    self.offer(self._read(task, environment))
            except (Unavailable, IntegrityError) as error:
                if not away:
                    _log.warning("poll_failed", reason=str(error))
                away = True
            except Exception:
                # Without this thread no move of another copy would ever be seen again.
                if not away:
                    _log.exception("poll_failed")
                away = True
            else:
                away = False
