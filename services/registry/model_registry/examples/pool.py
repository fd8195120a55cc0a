"""A store's examples.

    come    content ──> example.json ──> record in the log of arrivals
    delete  record in the log ──> example.json ──> content, and pieces of it

Whatever breaks off in between is ended by who asks again, or by the next sweep. What is not in the log isn't shown, and
what the log says is deleted isn't, however much of it still lies there.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pipit._pb.pipit.examples.v1 import examples_pb2 as pb
from pipit.errors import AlreadyExists, NotFound
from pipit.examples import Departure, Example, Reason
from pipit.examples.ids import check_example_id, is_example_id
from pipit.rpc.mirror import to_proto
from pipit.storage import ObjectStore
from pydantic import TypeAdapter

from model_registry import layout
from model_registry.examples.arrivals import Arrivals, Came, Corrected

RETENTION = "retention"
"""Who deletes what is older than the consent allows."""
_EXAMPLE = TypeAdapter(Example)
_REMEMBERED = 100_000
"""Documents in memory, about 500 bytes each."""
_READERS = 8
_ABANDONED_AFTER = timedelta(days=1)
"""Without its document, so old is an upload that nobody goes on with."""


class Pool:
    """Threads, and any number of copies of the service, may share a store."""

    def __init__(self, store: ObjectStore, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """now: an aware time."""
        self._store = store
        self._now = now
        self._lock = threading.Lock()
        self._arrivals: dict[str, Arrivals] = {}
        self._documents: OrderedDict[str, bytes] = OrderedDict()
        """As they go over the wire, by their keys; the one that was asked for last at the end."""
        self._unfinished: dict[tuple[str, str], datetime] = {}
        """By task and id, since when a content is known to lie here without a document."""

    def arrivals(self, task: str) -> Arrivals:
        """The log of a task."""
        with self._lock:
            return self._arrivals.setdefault(task, Arrivals(self._store, task))

    def add(self, example: Example) -> Example | None:
        """Makes an example known whose content is here; gives it as it is stored. None: it was deleted meanwhile."""
        stored = replace(example, received_at=self._now())
        key = layout.example(example.task, example.id)
        try:
            self._store.create(key, _EXAMPLE.dump_json(stored))
        except AlreadyExists:
            stored = self.read(example.task, example.id)
        if self._announce(stored):
            return stored
        self._remove(example.task, (example.id,))
        return None

    def _announce(self, stored: Example) -> bool:
        came = Came(stored.id, stored.device_id, stored.bytes, stored.received_at or self._now())
        return self.arrivals(stored.task).add(came)

    def read(self, task: str, identity: str) -> Example:
        """Raises NotFound."""
        return _EXAMPLE.validate_json(self._store.read(layout.example(task, identity)).data)

    def get(self, task: str, identity: str) -> Example:
        """Raises NotFound, also for one that was deleted."""
        if self.arrivals(task).find(check_example_id(identity)) is None:
            raise NotFound(f"there is no example {identity} of {task}; it was deleted, or never came")
        stored = self.read(task, identity)
        corrected = self.arrivals(task).corrections().get(identity)
        if corrected is None:
            return stored
        return replace(stored, reason=_reason(stored.reason), corrected=corrected, was_corrected=True)

    def correct(self, example: Example) -> None:
        """Keeps what feedback said of an example after it had come. What its own device says counts, and once."""
        with suppress(NotFound):
            stored = self.get(example.task, example.id)
            if not stored.was_corrected and stored.device_id == example.device_id:
                corrected = Corrected(example.id, example.corrected, self._now())
                self.arrivals(example.task).correct(corrected)

    def messages(self, task: str, came: Sequence[Came]) -> list[pb.Example]:
        """What is known of these, without those that are being deleted just now."""
        keys = [layout.example(task, one.id) for one in came]
        with self._lock:
            known = {key: self._documents[key] for key in keys if key in self._documents}
        missing = [key for key in keys if key not in known]
        if len(missing) > _READERS:
            with ThreadPoolExecutor(_READERS) as readers:
                found = list(readers.map(self._document, missing))
        else:
            found = list(map(self._document, missing))
        known.update((key, data) for key, data in zip(missing, found, strict=True) if data is not None)
        with self._lock:
            self._documents.update(known)
            for key in known:
                self._documents.move_to_end(key)
            while len(self._documents) > _REMEMBERED:
                self._documents.popitem(last=False)
        messages = [pb.Example.FromString(known[key]) for key in keys if key in known]
        corrections = self.arrivals(task).corrections()
        for message in messages:
            if message.id in corrections:
                if message.reason != pb.REASON_RANDOM:
                    message.reason = pb.REASON_WRONG
                message.corrected, message.was_corrected = corrections[message.id], True
        return messages

    def _document(self, key: str) -> bytes | None:
        try:
            data = self._store.read(key).data
        except NotFound:
            return None
        return to_proto(_EXAMPLE.validate_json(data), pb.Example).SerializeToString()

    def delete(self, task: str, came: Iterable[Came], by: str) -> int:
        """For good; gives how many."""
        ids = [one.id for one in came]
        self.arrivals(task).delete(ids, by, self._now())
        self._remove(task, ids)
        return len(ids)

    def _remove(self, task: str, ids: Sequence[str]) -> None:
        with self._lock:
            for identity in ids:
                self._documents.pop(layout.example(task, identity), None)
        with ThreadPoolExecutor(_READERS) as hands:
            list(hands.map(lambda identity: self._remove_one(task, identity), ids))

    def _remove_one(self, task: str, identity: str) -> None:
        self._store.delete(layout.example(task, identity))
        for key in list(self._store.list(layout.example_folder(task, identity))):
            self._store.delete(key)

    def remove_again(self, task: str, identity: str) -> None:
        """Takes away what a delete that broke off has left."""
        if self.arrivals(task).is_deleted(identity):
            self._remove(task, (identity,))

    def departures(self, task: str, device: str) -> list[Departure]:
        """By device and day on which the examples were taken; also of what is deleted since. device: empty for all."""
        counted: dict[tuple[str, str], list[int]] = {}
        for came, here in self.arrivals(task).all():
            if came.device_id and device in {"", came.device_id}:
                row = counted.setdefault((came.device_id, came.day), [0, 0, 0])
                row[0] += 1
                row[1] += came.bytes
                row[2] += not here
        return [Departure(device_id, task, day, *row) for (device_id, day), row in sorted(counted.items())]

    def too_old(self, task: str, keep_days: dict[str, int]) -> list[Came]:
        """What is kept for longer than it may be. keep_days: by device; 0: for ever."""
        today = self._now()
        until = {device: f"{today - timedelta(days=days):%Y%m%d}" for device, days in keep_days.items() if days}
        return [came for came in self.arrivals(task).select() if came.day < until.get(came.device_id, "")]

    def finish(self, task: str) -> int:
        """Ends what was broken off: deletes, arrivals without a record, uploads that nobody went on with.

        Gives how many examples it touched.
        """
        arrivals = self.arrivals(task)
        whole: set[str] = set()
        there: set[str] = set()
        folder = layout.examples(task)
        for key in self._store.list(folder):
            identity, _, name = key.removeprefix(folder).partition("/")
            if is_example_id(identity):
                (whole if name == layout.EXAMPLE else there).add(identity)
        there |= whole
        # Asked for after the list was made: what came meanwhile is in the log, and not taken for left.
        came, deleted = arrivals.ids()
        left = there & deleted
        abandoned = self._abandoned(task, there - whole - deleted)
        self._remove(task, sorted(left))
        for identity in sorted(abandoned):
            self._abandon(task, identity)
        silent = sorted(whole - deleted - came)
        for identity in silent:
            # An upload that was under way may have found out meanwhile that its example was deleted.
            with suppress(NotFound):
                self._announce(self.read(task, identity))
        return len(left) + len(abandoned) + len(silent)

    def _abandoned(self, task: str, unfinished: set[str]) -> set[str]:
        now = self._now()
        others = {key: since for key, since in self._unfinished.items() if key[0] != task}
        seen = {identity: self._unfinished.get((task, identity), now) for identity in unfinished}
        self._unfinished = others | {(task, identity): since for identity, since in seen.items()}
        return {identity for identity, since in seen.items() if now - since >= _ABANDONED_AFTER}

    def _abandon(self, task: str, identity: str) -> None:
        """Takes away what lies here now; what somebody has completed since it was found stays."""
        keys = list(self._store.list(layout.example_folder(task, identity)))
        if layout.example(task, identity) not in keys:
            for key in keys:
                self._store.delete(key)

    def pack(self) -> None:
        """Makes the logs that this copy has used quick to read from their beginning."""
        with self._lock:
            used = list(self._arrivals.values())
        for arrivals in used:
            arrivals.pack()


def _reason(before: Reason) -> Reason:
    """Of one that was corrected. The uniform sample stays one: what is in it must not hang on what the model said."""
    return before if before is Reason.RANDOM else Reason.WRONG
