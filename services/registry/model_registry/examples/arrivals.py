"""The log of a task's examples: which came, and which were deleted. What a copy knows of a task follows from it.

    record: came      an example is here, whole: its document is written before
    record: corrected somebody called the answer wrong after the example had come; the first one counts
    record: deleted   these ids are gone for good, whoever sends them again; written before what is kept of them goes

Both in one row of numbers: whoever has read up to a number has lost nothing by going on from there, and an example of
an earlier day that comes late is simply the next one. An id that stands twice as come counts once.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from sys import intern

from pipit.examples.ids import day_of
from pipit.storage import ObjectStore
from pydantic import TypeAdapter

from model_registry import layout
from model_registry.cursors import mark_of
from model_registry.numbered_log import NumberedLog

_MOST_IDS = 1000


@dataclass(frozen=True, slots=True)
class Came:
    """An example is here. bytes: of its content."""

    id: str
    device_id: str
    bytes: int
    at: datetime

    @property
    def day(self) -> str:
        """On which it was taken, as "20261129"."""
        return day_of(self.id)


@dataclass(frozen=True, slots=True)
class Deleted:
    """These are gone for good. by: who wanted that."""

    deleted: tuple[str, ...]
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Corrected:
    """Feedback on an example that was here already. corrected: the right label; "" where it was not said."""

    id: str
    corrected: str
    at: datetime


Arrival = Came | Deleted | Corrected
_ARRIVAL: TypeAdapter[Arrival] = TypeAdapter(Arrival)


@dataclass(slots=True)
class _Known:
    log: list[Arrival] = field(default_factory=list)
    came: dict[str, int] = field(default_factory=dict)
    """Number of the first record that says so, by id."""
    deleted: set[str] = field(default_factory=set)
    corrected: dict[str, str] = field(default_factory=dict)


class Arrivals:
    """Of one task, in memory; every question looks for records that others wrote first. Threads may share it."""

    def __init__(self, store: ObjectStore, task: str) -> None:
        self._log = NumberedLog(store, layout.arrivals(task))
        self._lock = threading.Lock()
        self._known = _Known()

    def add(self, came: Came) -> bool:
        """Says that an example is here. Gives whether that is so: False where it was deleted meanwhile."""
        if self.find(came.id) is None and not self.is_deleted(came.id):
            self._log.append(_ARRIVAL.dump_json(came))
        return self.find(came.id) is not None

    def correct(self, corrected: Corrected) -> None:
        """Of an example that is here. It comes on a page once more."""
        if corrected.id not in self.corrections():
            self._log.append(_ARRIVAL.dump_json(corrected))

    def corrections(self) -> dict[str, str]:
        """Right labels by example, of those that came late."""
        with self._lock:
            return dict(self._catch_up().corrected)

    def delete(self, ids: Sequence[str], by: str, at: datetime) -> None:
        """Says that these are gone."""
        for start in range(0, len(ids), _MOST_IDS):
            record = Deleted(tuple(ids[start : start + _MOST_IDS]), by, at)
            self._log.append(_ARRIVAL.dump_json(record))

    def find(self, identity: str) -> Came | None:
        """None: it never came, or was deleted."""
        with self._lock:
            known = self._catch_up()
            return _came(known, identity)

    def is_deleted(self, identity: str) -> bool:
        """Whether it was, ever."""
        with self._lock:
            return identity in self._catch_up().deleted

    def select(self, device: str = "", day: str = "") -> list[Came]:
        """What is here now, in the order it came. device, day: empty for any."""
        with self._lock:
            known = self._catch_up()
            found = (_came(known, identity) for identity in known.came)
            return [came for came in found if came is not None and _fits(came, device, day)]

    def all(self) -> list[tuple[Came, bool]]:
        """Whatever came, ever, and whether it is here now."""
        with self._lock:
            known = self._catch_up()
            firsts = ((identity, known.log[number - 1]) for identity, number in known.came.items())
            return [(came, identity not in known.deleted) for identity, came in firsts if isinstance(came, Came)]

    def ids(self) -> tuple[set[str], set[str]]:
        """All that came, ever, and all that were deleted, ever."""
        with self._lock:
            known = self._catch_up()
            return set(known.came), set(known.deleted)

    def page(self, after: int, size: int, device: str, day: str) -> tuple[list[Came], list[str], int, bool]:
        """What came after a number and is here now, ids that were deleted after it, where to go on, and whether to."""
        here: list[Came] = []
        gone: list[str] = []
        with self._lock:
            known = self._catch_up()
            number = min(after, len(known.log))
            while number < len(known.log) and len(here) < size and len(gone) < size:
                number += 1
                record = known.log[number - 1]
                if isinstance(record, Deleted):
                    gone.extend(identity for identity in record.deleted if _was(known, identity, device, day))
                elif isinstance(record, Corrected):
                    came = _came(known, record.id)
                    # Who gets the example itself on this page gets it corrected.
                    if came is not None and known.came[record.id] <= after and _fits(came, device, day):
                        here.append(came)
                elif known.came[record.id] == number and record.id not in known.deleted and _fits(record, device, day):
                    here.append(record)
            return here, gone, number, number < len(known.log)

    def mark(self, number: int) -> str:
        """Of a record, see `cursors`; "" where there is none."""
        with self._lock:
            log = self._catch_up().log
            return mark_of(_ARRIVAL.dump_json(log[number - 1])) if number <= len(log) else ""

    def pack(self) -> None:
        """Makes the log quick to read from its beginning."""
        self._log.pack()

    def _catch_up(self) -> _Known:
        known = self._known
        for number, data in self._log.read(len(known.log)):
            record = _ARRIVAL.validate_json(data)
            if isinstance(record, Deleted):
                known.deleted.update(record.deleted)
            elif isinstance(record, Corrected):
                known.corrected.setdefault(record.id, record.corrected)
            else:
                record = Came(record.id, intern(record.device_id), record.bytes, record.at)
                known.came.setdefault(record.id, number)
            known.log.append(record)
        return known


def _came(known: _Known, identity: str) -> Came | None:
    number = known.came.get(identity)
    if number is None or identity in known.deleted:
        return None
    record = known.log[number - 1]
    return record if isinstance(record, Came) else None


def _was(known: _Known, identity: str, device: str, day: str) -> bool:
    number = known.came.get(identity)
    record = None if number is None else known.log[number - 1]
    return record is None or not isinstance(record, Came) or _fits(record, device, day)


def _fits(came: Came, device: str, day: str) -> bool:
    return device in {"", came.device_id} and day in {"", came.day}
