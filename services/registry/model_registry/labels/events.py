"""The log of what people said of a task's examples, batch by batch.

    Append ──mark of the batch is there?──> known
       │ no
       ├── the batch as the next record of the log, unless one of those just before it is this batch
       └── the mark

Killed between the two, the batch stands in the log without its mark. Who sends it again is answered "known" as long as
the record is among the last hundred where a copy starts, or was passed by it while it runs. After that it would stand
there twice: its events have ids, and whoever reads them counts an id once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from pipit.errors import AlreadyExists, InvalidInput, NotFound
from pipit.labels import Event
from pipit.storage import ObjectStore
from pydantic import TypeAdapter

from model_registry import layout
from model_registry.labels.checks import MOST_EVENTS, check_event
from model_registry.numbered_log import NumberedLog

_LOOKED_BACK = 100
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Batch:
    """A record of the log."""

    batch_id: str
    by: str
    received_at: datetime
    events: tuple[Event, ...]


_BATCH = TypeAdapter(Batch)


class _TaskLog:
    """A log, and the ids of its last batches."""

    def __init__(self, store: ObjectStore, task: str) -> None:
        self.log = NumberedLog(store, layout.events(task))
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()
        self.writing = threading.Lock()
        end = self.log.find_end()
        for number, data in self.log.read(max(0, end - _LOOKED_BACK)):
            self.remember(_BATCH.validate_json(data).batch_id)
            end = number
        # What others write from now on, an append passes and remembers.
        self.log.begin_after(end)

    def remember(self, batch_id: str) -> None:
        with self._lock:
            self._recent[batch_id] = None
            if len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)

    def knows(self, batch_id: str) -> bool:
        with self._lock:
            return batch_id in self._recent


class Labels:
    """Threads, and any number of copies of the service, may share a store."""

    def __init__(self, store: ObjectStore, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """now: an aware time."""
        self._store = store
        self._now = now
        self._lock = threading.Lock()
        self._logs: dict[str, _TaskLog] = {}

    def append(self, task: str, batch_id: str, events: tuple[Event, ...], by: str) -> bool:
        """Gives whether the batch was here already. by: who sent it. Raises InvalidInput."""
        mark = layout.batch(task, batch_id)
        if not 1 <= len(events) <= MOST_EVENTS:
            raise InvalidInput(f"a batch has 1 to {MOST_EVENTS} events, not {len(events)}; send them as several")
        for event in events:
            check_event(event)
        log = self._log(task)
        if log.knows(batch_id) or self._is_marked(mark):
            return True
        batch = Batch(batch_id, by, self._now(), events)
        written = _BATCH.dump_json(batch)
        known = False

        def is_mine(data: bytes) -> bool:
            nonlocal known
            other = _BATCH.validate_json(data).batch_id
            log.remember(other)
            known = other == batch_id
            return known

        with log.writing:
            if log.knows(batch_id):
                # Sent twice at once.
                return True
            log.log.append(written, is_mine)
            log.remember(batch_id)
        # Another copy that was sent it too may have been quicker with the mark.
        with suppress(AlreadyExists):
            self._store.create(mark, b"1")
        return known

    def read(self, task: str, after: int) -> Iterator[tuple[int, Batch]]:
        """Batches with their numbers, from `after` + 1 on."""
        for number, data in self._log(task).log.read(after):
            yield number, _BATCH.validate_json(data)

    def mark(self, task: str, number: int) -> str:
        """Of a record, see `cursors`; "" where there is none."""
        return self._log(task).log.mark(number)

    def pack(self) -> None:
        """Makes the logs that this copy has used quick to read from their beginning."""
        with self._lock:
            logs = list(self._logs.values())
        for one in logs:
            one.log.pack()

    def _log(self, task: str) -> _TaskLog:
        with self._lock:
            if task not in self._logs:
                self._logs[task] = _TaskLog(self._store, task)
            return self._logs[task]

    def _is_marked(self, key: str) -> bool:
        try:
            self._store.size(key)
        except NotFound:
            return False
        return True
