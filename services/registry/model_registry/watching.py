"""Pushes changes of environments, of devices' pins and of galleries to those who watch.

    a change through this copy ──offer──┐
                                        ├──> latest, by key ──wakes──> every watcher
    a change through another copy ──poll┘

Each watcher remembers the revision it sent, so that nothing is sent twice and nothing newer is missed.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Generic, Protocol, TypeVar

from pipit.bundle.keys import KeyList
from pipit.errors import IntegrityError, Unavailable
from pipit.galleries import Listing
from pipit.logging import get_logger
from pipit.rpc.places import Places, Share, everything

from model_registry.fleet.records import DeviceRecord
from model_registry.pointer import Pointer

_log = get_logger("model_registry.watching")
_LAST_POLL_SECONDS = 1.0


class Revised(Protocol):
    """What has changed when its revision has grown."""

    @property
    def revision(self) -> int:
        """Counts the changes."""
        ...


Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item", bound=Revised)


class Hub(Generic[Key, Item]):
    """A watcher holds the thread of its call."""

    def __init__(
        self, read: Callable[[Key], Item], poll_seconds: float, max_watchers: int, share: Share = everything
    ) -> None:
        """read: what stands in the store now. poll_seconds: how often others' changes are seen. share: of a caller."""
        self._read = read
        self._poll_seconds = poll_seconds
        self._places = Places(
            max_watchers, f"{max_watchers} devices watch this copy of the registry already; add another copy", share
        )
        self._changed = threading.Condition()
        self._latest: dict[Key, Item] = {}
        self._watched: Counter[Key] = Counter()
        self._closed = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="poller", daemon=True)

    @property
    def watchers(self) -> int:
        """How many watch now."""
        return self._places.taken

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

    def offer(self, key: Key, item: Item) -> None:
        """Passes on what somebody learnt; what is older than the latest is ignored."""
        with self._changed:
            latest = self._latest.get(key)
            if key in self._watched and (latest is None or latest.revision < item.revision):
                self._latest[key] = item
                self._changed.notify_all()

    def look(self, key: Key) -> None:
        """Passes on what stands under a key that somebody has just changed; if it can't be read, the polling will."""
        with self._changed:
            watched = key in self._watched
        if watched:
            with suppress(Unavailable):
                self.offer(key, self._read(key))

    def watch(self, keys: Sequence[Key], is_active: Callable[[], bool]) -> Iterator[Item]:
        """What stands under each key now, then each change, while `is_active`.

        Call `wake` when that changes. Raises QueueFull over the limit of watchers, Unavailable if the store is away
        at the beginning, or when the hub is closed.
        """
        keys = list(dict.fromkeys(keys))
        sent: dict[Key, int] = {}
        with self._places.take(), self._watching(keys):
            for key in keys:
                self.offer(key, self._read(key))
            while is_active():
                with self._changed:
                    self._changed.wait_for(lambda: self._news(keys, sent) or self._closed.is_set() or not is_active())
                    news = self._news(keys, sent)
                if self._closed.is_set():
                    raise Unavailable("the registry is stopping; connect again")
                for key, item in news:
                    sent[key] = item.revision
                    yield item

    def _news(self, keys: Sequence[Key], sent: dict[Key, int]) -> list[tuple[Key, Item]]:
        latest = [(key, self._latest[key]) for key in keys if key in self._latest]
        return [(key, item) for key, item in latest if item.revision > sent.get(key, -1)]

    @contextmanager
    def _watching(self, keys: Sequence[Key]) -> Iterator[None]:
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
                for key in keys:
                    self.offer(key, self._read(key))
            except (Unavailable, IntegrityError) as error:
                if not away:
                    _log.warning("poll_failed", reason=str(error))
                away = True
            except Exception:
                # Without this thread no change of another copy would ever be seen again.
                if not away:
                    _log.exception("poll_failed")
                away = True
            else:
                away = False


RegistryHub = Hub[tuple[str, str], Pointer | DeviceRecord | KeyList]
"""By task and environment; what people made of a device under `device_key`, the keys that may sign under `KEYS`."""
KEYS = ("", "")


def device_key(device_id: str) -> tuple[str, str]:
    """No task has an empty name."""
    return "", device_id


GalleryHub = Hub[str, Listing]
"""By the gallery's name."""
