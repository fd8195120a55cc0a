"""What devices said last: in the memory of the copy that heard it, and on its sheet in the store for the others.

    Report, Watch ──> this copy's memory ──at most each second──> fleet/<replica>.json ──> the other copies
                            └───────────── merged with the sheets of the others ──> who is there, and how it does

Nothing here rests on two clocks being alike: a sheet says how many seconds old each report was when it was written, and
a reader counts on from when it saw the sheet change. Only of a sheet that it reads for the first time, whose writer may
be long gone, the date counts too, and makes it older, never younger.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sized
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from time import monotonic

from pipit.errors import AlreadyExists, Conflict, NotFound, QueueFull
from pipit.fleet import DeviceReport
from pipit.storage import ObjectStore

from model_registry import layout
from model_registry.fleet.other_sheets import DAY, OtherSheets
from model_registry.fleet.seen import Heard, Seen, Watched, merged
from model_registry.fleet.sheet import HeardRecord, Sheet, WatchedRecord

_QUIET_SECONDS = 30.0
_ALONE_SECONDS = 300.0
"""Where nobody reads it but the copy that comes after this one, a memory card need not be worn out."""
_SHORTEST_PAUSE_SECONDS = 1.0
_WRITING_SHARE = 10
"""A sheet that takes long to write is written less often: a tenth of the time goes into it…"""
_LONGEST_PAUSE_SECONDS = 10.0
"""…but never so rarely that a device on it seems to be silent."""
_BYTES_PER_PROCESS = 8 * 1024
"""What reports may hold on average; a few may hold much more."""


class Sheets:
    """Threads may share it; one of them looks and writes."""

    def __init__(
        self,
        store: ObjectStore,
        max_devices: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = monotonic,
        replica: str | None = None,
    ) -> None:
        """max_devices: that this copy listens to. now: an aware time. clock: seconds. replica: None: a random name."""
        self.replica = replica or secrets.token_hex(8)
        self._store = store
        self._max_devices = max_devices
        self._now = now
        self.clock = clock
        self._key = layout.sheet(self.replica)
        self._lock = threading.Lock()
        self._heard: dict[tuple[str, int], Heard] = {}
        self._sizes: Counter[tuple[str, int]] = Counter()
        self._before_sizes: Counter[tuple[str, int]] = Counter()
        """Of the reports of a boot before, which the others hold too."""
        self._watched: dict[str, Watched] = {}
        self._others = OtherSheets(store, self._key, now, clock)
        self._etag: str | None = None
        self._changed = False
        self._reported: set[str] = set()
        self._written_at = -DAY
        self._pause = _SHORTEST_PAUSE_SECONDS
        self._listening_since = clock()

    @property
    def processes(self) -> int:
        """Of devices, how many reported to this copy in the last day."""
        return len(self._heard)

    @property
    def complete(self) -> bool:
        """Whether what other copies heard was read."""
        return self._others.complete

    @property
    def listening_seconds(self) -> float:
        """For how long this copy has heard whatever devices said to any copy."""
        return self.clock() - self._listening_since

    def interrupted(self) -> None:
        """The store did not answer: what devices say to other copies is not heard now."""
        self._listening_since = self.clock()

    def report(self, report: DeviceReport, size: int = 0) -> None:
        """Takes a report of so many bytes. One that came late, after a newer one of its boot, changes nothing.

        Raises QueueFull.
        """
        key, now = (report.device_id, report.process), self.clock()
        with self._lock:
            known = self._heard.get(key)
            if known is None:
                self._check_room(self._heard)
            heard, before_size = Heard(report, now), 0
            if known is not None and known.report.boot_id == report.boot_id:
                if known.report.sequence >= report.sequence:
                    return
                heard = replace(heard, before=known.before, before_at=known.before_at)
                before_size = self._before_sizes[key]
            elif known is not None:
                heard = replace(heard, before=known.report, before_at=known.at)
                before_size = self._sizes[key] - self._before_sizes[key]
            self._check_size(key, size + before_size)
            self._heard[key], self._sizes[key], self._before_sizes[key] = heard, size + before_size, before_size
            self._reported.add(report.environment)
            self._changed |= known is None or _state(known.report) != _state(report)

    @contextmanager
    def watching(self, device_id: str, environment: str, tasks: Collection[str]) -> Iterator[None]:
        """Notes that a device is there, for as long as the block runs. Raises QueueFull."""
        with self._lock:
            known = self._watched.get(device_id)
            if known is None:
                self._check_room(self._watched)
            streams = 1 if known is None else known.streams + 1
            self._watched[device_id] = Watched(environment, frozenset(tasks), self.clock(), streams)
            self._changed = True
        try:
            yield
        finally:
            with self._lock:
                left = self._watched[device_id]
                self._watched[device_id] = replace(left, at=self.clock(), streams=left.streams - 1)
                self._changed = True

    def _check_room(self, known: Sized) -> None:
        if len(known) >= self._max_devices:
            raise QueueFull(
                f"this copy of the registry listens to {self._max_devices} devices already; add another copy, or raise "
                "PIPIT_REGISTRY_MAX_DEVICES"
            )

    def _check_size(self, key: tuple[str, int], size: int) -> None:
        """Large reports count, or a caller with many names could fill the memory."""
        if size > _BYTES_PER_PROCESS and self._sizes.total() - self._sizes[key] + size > (
            _BYTES_PER_PROCESS * self._max_devices
        ):
            raise QueueFull(
                f"the reports that this copy of the registry keeps are too large together; send less than "
                f"{_BYTES_PER_PROCESS} bytes, or raise PIPIT_REGISTRY_MAX_DEVICES"
            )

    def seen(self) -> dict[str, Seen]:
        """Devices of the last 24 hours, as all copies know them, by id."""
        now = self.clock()
        with self._lock:
            heard, watched = list(self._heard.items()), list(self._watched.items())
        return merged(chain(heard, self._others.heard()), chain(watched, self._others.watched()), now, DAY)

    def look(self) -> None:
        """Reads what other copies wrote since the last look. Raises Unavailable."""
        self._others.look()

    def write(self, rushing: Collection[str] = ()) -> bool:
        """Writes this copy's sheet if it is due; gives whether it did. Raises Unavailable.

        rushing: environments of which others want to know each report within a second.
        """
        began = self.clock()
        with self._lock:
            self._forget(began)
            # One that heard nothing says that it reads.
            there = bool(self._heard or self._watched or self._others)
            soon = self._changed or not self._reported.isdisjoint(rushing)
            quiet = _QUIET_SECONDS if self._others.any_alive else _ALONE_SECONDS
            if not there or began - self._written_at < (self._pause if soon else quiet):
                return False
            changed, self._changed = self._changed, False
            reported, self._reported = self._reported, set()
            sheet = self._sheet(began)
        try:
            self._put(sheet.to_bytes())
        except BaseException:
            with self._lock:
                self._changed |= changed
                self._reported |= reported
            raise
        self._written_at = self.clock()
        took = self._written_at - began
        self._pause = min(max(_SHORTEST_PAUSE_SECONDS, _WRITING_SHARE * took), _LONGEST_PAUSE_SECONDS)
        return True

    def close(self) -> None:
        """Says on the sheet that nobody watches here any more. Raises Unavailable."""
        with self._lock:
            self._watched = {name: replace(watched, streams=0) for name, watched in self._watched.items()}
            sheet = self._sheet(self.clock())
        if sheet.heard or sheet.watched:
            self._put(sheet.to_bytes())

    def _sheet(self, now: float) -> Sheet:
        return Sheet(
            replica=self.replica,
            written_at=self._now(),
            heard=tuple(HeardRecord.of(heard, now) for heard in self._heard.values()),
            watched=tuple(WatchedRecord.of(name, watched, now) for name, watched in self._watched.items()),
        )

    def _put(self, data: bytes) -> None:
        """Nobody else writes this object; but an answer may have got lost, or somebody have deleted it."""
        for _ in range(3):
            try:
                if self._etag is None:
                    self._etag = self._store.create(self._key, data)
                else:
                    self._etag = self._store.replace(self._key, data, self._etag)
            except (AlreadyExists, Conflict):
                self._etag = self._store.read(self._key).etag
            except NotFound:
                self._etag = None
            else:
                return
        raise Conflict(f"{self._key} in the store changes all the time; does another process write it?")

    def _forget(self, now: float) -> None:
        self._heard = {key: heard for key, heard in self._heard.items() if now - heard.at < DAY}
        self._sizes = Counter({key: self._sizes[key] for key in self._heard})
        self._before_sizes = Counter({key: self._before_sizes[key] for key in self._heard})
        self._watched = {
            name: watched for name, watched in self._watched.items() if watched.streams or now - watched.at < DAY
        }


def _state(report: DeviceReport) -> object:
    """What others want to hear of at once."""
    return (
        report.boot_id,
        report.environment,
        [
            (told.task, told.active_version, told.state, told.candidate_version, told.candidate_state)
            for told in report.tasks
        ],
    )
