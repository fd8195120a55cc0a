"""Documents under a prefix of the store, held in memory. A look fetches those that have changed since the one before.

Whoever asks is answered from memory: also on the thread that takes calls in, where nothing may wait for a store.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from pipit.errors import NotFound
from pipit.storage import ObjectStore

D = TypeVar("D")
_READERS = 8
"""Objects that are fetched at once: a start with 10,000 devices must not take a minute."""


class Followed(Generic[D]):
    """Threads may share it; one of them looks."""

    def __init__(
        self,
        store: ObjectStore,
        prefix: str,
        parse: Callable[[str, bytes], D | None],
        newer: Callable[[D, D], bool],
        is_one: Callable[[str], bool] = lambda key: True,
    ) -> None:
        """parse: from key and content; None: it can't be read. newer: whether the first is newer than the second.

        is_one: whether that key is of such a document.
        """
        self._store = store
        self._prefix = prefix
        self._parse = parse
        self._newer = newer
        self._is_one = is_one
        self._lock = threading.Lock()
        self._tags: dict[str, str] = {}
        self._documents: dict[str, D] = {}
        self._complete = False

    @property
    def complete(self) -> bool:
        """Whether all documents were read once."""
        return self._complete

    def get(self, key: str) -> D | None:
        """None: there is none, or it was not read yet."""
        with self._lock:
            return self._documents.get(key)

    def all(self) -> Mapping[str, D]:
        """By key."""
        with self._lock:
            return dict(self._documents)

    def offer(self, key: str, document: D) -> bool:
        """Takes what somebody learnt elsewhere; False if nothing is new in it."""
        with self._lock:
            known = self._documents.get(key)
            if known is not None and not self._newer(document, known):
                return False
            self._documents[key] = document
            return True

    def look(self) -> list[str]:
        """Gives the keys of those that are new, changed or gone. Raises what the store does."""
        tags = {key: tag for key, tag in self._store.tags(self._prefix) if self._is_one(key)}
        changed = [key for key, tag in tags.items() if self._tags.get(key) != tag]
        if len(changed) > _READERS:
            with ThreadPoolExecutor(_READERS) as readers:
                found = list(readers.map(self._fetch, changed))
        else:
            found = [self._fetch(key) for key in changed]
        news = [
            key
            for key, document in zip(changed, found, strict=True)
            if document is not None and self.offer(key, document)
        ]
        gone = [key for key in self._tags if key not in tags]
        with self._lock:
            for key in gone:
                self._documents.pop(key, None)
        self._tags = tags
        self._complete = True
        return [*news, *gone]

    def _fetch(self, key: str) -> D | None:
        try:
            return self._parse(key, self._store.read(key).data)
        except NotFound:
            return None  # deleted since it was listed
