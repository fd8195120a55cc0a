"""A log in the store to which any number of copies of the service add: record after record, none changed, none skipped.

    <folder>00000000000000000001.json    the first record; each is created, and only by who knows the one before it
    <folder>packs/0…01.jsonl             records 1 to 1,000 once more, so that a start reads one object instead

Of several copies that write at once one gets a number, and the others read its record and take the next one. So numbers
have no gaps: who has read up to a number misses nothing by going on from there, however late a copy writes. The end is
found by doubling and halving, without a list of the records.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

from pipit.errors import AlreadyExists, Conflict, NotFound
from pipit.storage import ObjectStore

from model_registry import layout
from model_registry.cursors import mark_of

PACK = 1000
_ATTEMPTS = 1000
"""Records that others may write while one is written."""


class NumberedLog:
    """Threads, and any number of copies of the service, may share a store. Records are JSON on one line."""

    def __init__(self, store: ObjectStore, folder: str) -> None:
        self._store = store
        self._folder = folder
        self._lock = threading.Lock()
        self._end: int | None = None
        """The last record that `append` knows; None: it has not looked yet."""
        self._packed = 0

    def append(self, data: bytes, is_mine: Callable[[bytes], bool] = lambda _: False) -> int:
        """Adds a record, and gives its number.

        is_mine: asked of each record that others wrote since the last call; where it says yes, that one's number is
        given and nothing is added. Raises Conflict where others are always quicker.
        """
        with self._lock:
            if self._end is None:
                self._end = self.find_end()
            for _ in range(_ATTEMPTS):
                number = self._end + 1
                try:
                    self._store.create(layout.numbered(self._folder, number), data)
                except AlreadyExists:
                    # Another copy's, or our own whose answer got lost.
                    found = self._store.read(layout.numbered(self._folder, number)).data
                    self._end = number
                    if is_mine(found):
                        return number
                    continue
                self._end = number
                return number
        raise Conflict("other copies of the registry wrote again and again meanwhile; try once more")

    def begin_after(self, number: int) -> None:
        """The next append asks `is_mine` of each record after this one, also of those that are there already."""
        with self._lock:
            self._end = number

    def read(self, after: int) -> Iterator[tuple[int, bytes]]:
        """Numbers and records from `after` + 1 on, as far as there are any."""
        number = after + 1
        while True:
            first = number - (number - 1) % PACK
            for data in self._pack(first)[number - first :]:
                yield number, data
                number += 1
            if number == first + PACK:
                continue
            while number < first + PACK:
                try:
                    data = self._store.read(layout.numbered(self._folder, number)).data
                except NotFound:
                    return
                yield number, data
                number += 1

    def mark(self, number: int) -> str:
        """See `cursors`; "" where there is no such record."""
        try:
            return mark_of(self._store.read(layout.numbered(self._folder, number)).data)
        except NotFound:
            return ""

    def find_end(self) -> int:
        """The last number; 0: there is none."""
        low, high = 0, 1
        while self._has(high):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._has(middle) else (low, middle)
        return low

    def pack(self) -> int:
        """Puts each full thousand that is not one object yet together; gives how many those were."""
        made = 0
        while self._has(self._packed + PACK):
            first = self._packed + 1
            key = layout.pack(self._folder, first)
            try:
                self._store.size(key)
            except NotFound:
                numbers = range(first, first + PACK)
                records = [self._store.read(layout.numbered(self._folder, number)).data for number in numbers]
                with suppress(AlreadyExists):
                    self._store.create(key, b"\n".join(records))
                made += 1
            self._packed += PACK
        return made

    def _pack(self, first: int) -> list[bytes]:
        # A pack exists only where its last record does: near the log's end that is the one question asked.
        if not self._has(first + PACK - 1):
            return []
        try:
            return self._store.read(layout.pack(self._folder, first)).data.split(b"\n")
        except NotFound:
            return []

    def _has(self, number: int) -> bool:
        try:
            self._store.size(layout.numbered(self._folder, number))
        except NotFound:
            return False
        return True
