"""Pushes changes of environments, of devices' pins and of galleries to those who watch.

    a change through this copy ──offer──┐
                                        ├──> latest, by key ──wakes──> every watcher
    a change through another copy ──poll┘

Each watcher remembers the revision it sent, so that nothing is sent twice and nothing newer is missed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from typing import Any, Generic, Protocol, Self, TypeVar

import grpc
from pipit.errors import IntegrityError, Unavailable
from pipit.galleries import Listing
from pipit.logging import get_logger
from pipit.rpc.places import Places, Share, everything
from pipit.rpc.pushes import Push, Pushes

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


class _Watcher(Generic[Key]):
    """One call of Watch. say: gives what its caller has not been told yet."""

    __slots__ = ("keys", "push", "sent")

    def __init__(self, keys: Sequence[Key], say: Callable[[Self], Iterator[Any]], send: Callable[[Any], None]) -> None:
        self.keys = tuple(dict.fromkeys(keys))
        self.sent: dict[Key, int] = {}
        """The revision of each key that its caller has been told."""
        self.push = Push(lambda: say(self), send)


class Hub(Generic[Key, Item]):
    """A watcher holds no thread."""

    def __init__(
        self, read: Callable[[Key], Item], poll_seconds: float, max_watchers: int, share: Share = everything
    ) -> None:
        """read: what stands in the store now. poll_seconds: how often others' changes are seen. share: of a caller."""
        self._read = read
        self._poll_seconds = poll_seconds
        self._places = Places(
            max_watchers, f"{max_watchers} devices watch this copy of the registry already; add another copy", share
        )
        self._changing = threading.Lock()
        self._latest: dict[Key, Item] = {}
        self._read_here: set[Key] = set()
        """Keys that were read since somebody began to watch them: what others offer may have been read before that."""
        self._watched: dict[Key, set[_Watcher[Key]]] = {}
        self._pushes = Pushes("watch")
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
        with self._changing:
            everybody = {watcher for watchers in self._watched.values() for watcher in watchers}
        self._wake(everybody)
        self._pushes.close()
        if self._poller.ident is not None:
            # A store that hangs can't keep the server from ending.
            self._poller.join(_LAST_POLL_SECONDS)

    def offer(self, key: Key, item: Item) -> None:
        """Passes on what somebody learnt; what is older than the latest is ignored."""
        with self._changing:
            latest = self._latest.get(key)
            if key not in self._watched or (latest is not None and latest.revision >= item.revision):
                return
            self._latest[key] = item
            concerned = list(self._watched[key])
        self._wake(concerned)

    def look(self, key: Key) -> None:
        """Passes on what stands under a key that somebody has just changed; if it can't be read, the polling will."""
        with self._changing:
            watched = key in self._watched
        if watched:
            with suppress(Unavailable):
                self.offer(key, self._read(key))

    def watch(
        self,
        keys: Sequence[Key],
        context: grpc.ServicerContext,
        send: Callable[[Any], None],
        told: Callable[[Item], Iterable[Any]],
        during: AbstractContextManager[object] | None = None,
    ) -> None:
        """Tells a caller what stands under each key now, then each change; for methods that do not block.

        told: the messages that an item comes to, for this caller. during: entered now, and left when the call is over.
        Raises QueueFull over the limit of watchers. The call ends with Unavailable if the store is away at the
        beginning, or when the hub is closed.
        """
        watcher = _Watcher(keys, lambda watcher: self._news(watcher, told), send)
        with ExitStack() as stack:
            stack.enter_context(self._places.take())
            stack.enter_context(self._watching(watcher))
            stack.enter_context(nullcontext() if during is None else during)
            held = stack.pop_all()
        self._pushes.open(watcher.push, context, ended=held.close)

    def _news(self, watcher: _Watcher[Key], told: Callable[[Item], Iterable[Any]]) -> Iterator[Any]:
        for key in watcher.keys:
            if self._closed.is_set():
                raise Unavailable("the registry is stopping; connect again")
            if key not in self._read_here:
                self.offer(key, self._read(key))
                with self._changing:
                    if watcher in self._watched.get(key, ()):
                        self._read_here.add(key)
            item = self._latest.get(key)
            # Gone, if the caller is gone.
            if item is not None and item.revision > watcher.sent.get(key, -1):
                watcher.sent[key] = item.revision
                yield from told(item)

    def _wake(self, watchers: Iterable[_Watcher[Key]]) -> None:
        self._pushes.wake(watcher.push for watcher in watchers)

    @contextmanager
    def _watching(self, watcher: _Watcher[Key]) -> Iterator[None]:
        with self._changing:
            for key in watcher.keys:
                self._watched.setdefault(key, set()).add(watcher)
        try:
            yield
        finally:
            with self._changing:
                for key in watcher.keys:
                    self._watched[key].discard(watcher)
                    if not self._watched[key]:
                        del self._watched[key]
                        self._latest.pop(key, None)
                        self._read_here.discard(key)

    def _poll(self) -> None:
        away = False
        while not self._closed.wait(self._poll_seconds):
            with self._changing:
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


GalleryHub = Hub[str, Listing]
"""By the gallery's name."""
