"""What people make of devices: `devices/<id>.json`, changed by compare-and-swap, and held in the memory of each copy.

    nothing ──AddDevice──> token ──AddDevice──> another token ──RemoveDevice──> nothing, and when
    pins: task by task, beside it

A document is never deleted: it counts its pins, and a device that trusts keys follows no count that went back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Self

from pipit.bundle.manifest import Digest
from pipit.errors import AlreadyExists, Conflict, IntegrityError, NotFound
from pipit.fleet import PinnedTask
from pipit.logging import get_logger
from pipit.storage import ObjectStore
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from model_registry import layout
from model_registry.fleet.followed import Followed
from model_registry.pointer import Document

_ATTEMPTS = 16
_log = get_logger("model_registry.fleet.records")


class PinRecord(BaseModel):
    """A version that a device serves, wherever its environment points."""

    model_config = ConfigDict(frozen=True, extra="allow")

    version: str
    digest: Digest
    by: str
    reason: str
    at: AwareDatetime


class DeviceRecord(Document):
    """Immutable: a change gives a new one. token: SHA-256 in hexadecimal; empty: it has none of its own.

    tasks: that the token may ask; empty: all. pin_revisions: by task, how often it was pinned or unpinned.
    """

    device_id: str
    revision: int = 0
    token: str = ""
    tasks: tuple[str, ...] = ()
    pins: dict[str, PinRecord] = Field(default_factory=dict)
    pin_revisions: dict[str, int] = Field(default_factory=dict)
    removed_at: AwareDatetime | None = None

    @property
    def is_known(self) -> bool:
        """Whether people made anything of it that counts still."""
        return bool(self.token or self.pins)

    def pin(self, task: str) -> PinnedTask | None:
        """What it serves of a task, if somebody chose that."""
        pin = self.pins.get(task)
        return None if pin is None else PinnedTask(task, pin.version, pin.digest, pin.by, pin.reason, pin.at)

    def pin_revision(self, task: str) -> int:
        """How often what is pinned was changed."""
        return self.pin_revisions.get(task, 0)

    def pinned_tasks(self) -> tuple[PinnedTask, ...]:
        """By task."""
        return tuple(pin for task in sorted(self.pins) if (pin := self.pin(task)) is not None)

    def with_token(self, digest: str, tasks: tuple[str, ...]) -> Self:
        """Another token takes the place of the one before."""
        return self._changed(token=digest, tasks=tasks)

    def pinned(self, task: str, pin: PinRecord) -> Self:
        """The same record if it is pinned to that already."""
        known = self.pins.get(task)
        if known is not None and (known.version, known.digest) == (pin.version, pin.digest):
            return self
        return self._changed(pins={**self.pins, task: pin}, pin_revisions=self._counted(task))

    def unpinned(self, task: str) -> Self:
        """Raises NotFound where it is not pinned."""
        if task not in self.pins:
            raise NotFound(f"{self.device_id} is not pinned to a version of {task}; `pipit devices` shows pins")
        rest = {name: pin for name, pin in self.pins.items() if name != task}
        return self._changed(pins=rest, pin_revisions=self._counted(task))

    def removed(self, at: datetime) -> Self:
        """Neither token nor pins; what it reported until then is not shown either."""
        return self._changed(token="", tasks=(), pins={}, pin_revisions=self._counted(*self.pins), removed_at=at)

    def _counted(self, *tasks: str) -> dict[str, int]:
        return self.pin_revisions | {task: self.pin_revision(task) + 1 for task in tasks}

    def _changed(self, **fields: object) -> Self:
        return self.model_copy(update={**fields, "revision": self.revision + 1})


class DeviceRecords:
    """Threads, and any number of copies of the service, may share a store."""

    def __init__(self, store: ObjectStore, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """now: an aware time."""
        self._store = store
        self.now = now
        self._followed = Followed(
            store,
            layout.DEVICES,
            _parsed,
            lambda one, other: one.revision > other.revision,
            lambda key: layout.device_of_key(key) is not None,
        )

    @property
    def complete(self) -> bool:
        """Whether all were read once."""
        return self._followed.complete

    def look(self) -> list[DeviceRecord]:
        """Reads what other copies have changed, and gives it. Raises Unavailable."""
        return [record for key in self._followed.look() if (record := self._followed.get(key)) is not None]

    def get(self, device_id: str) -> DeviceRecord:
        """From memory; an empty one of whom nobody has done anything. Raises InvalidInput, Unavailable."""
        key = layout.device(device_id)
        # Asked first: all may be read between the two.
        complete = self.complete
        known = self._followed.get(key)
        if known is None:
            return DeviceRecord(device_id=device_id) if complete else self._read(device_id)[0]
        return known

    def known(self, device_id: str) -> DeviceRecord | None:
        """From memory alone. Raises InvalidInput."""
        return self._followed.get(layout.device(device_id))

    def all(self) -> dict[str, DeviceRecord]:
        """By id, from memory."""
        return {record.device_id: record for record in self._followed.all().values()}

    def change(self, device_id: str, change: Callable[[DeviceRecord], DeviceRecord]) -> DeviceRecord:
        """Changes and swaps, again for as long as somebody else is quicker. Raises what `change` does, Conflict."""
        key = layout.device(device_id)
        for _ in range(_ATTEMPTS):
            record, etag = self._read(device_id)
            changed = change(record)
            if changed is record:
                return record
            try:
                if etag is None:
                    self._store.create(key, changed.to_bytes())
                else:
                    self._store.replace(key, changed.to_bytes(), etag)
            except (AlreadyExists, Conflict):
                continue
            self._followed.offer(key, changed)
            return changed
        raise Conflict(f"device {device_id} is being changed by many at once; look again and decide anew")

    def _read(self, device_id: str) -> tuple[DeviceRecord, str | None]:
        key = layout.device(device_id)
        try:
            stored = self._store.read(key)
        except NotFound:
            return DeviceRecord(device_id=device_id), None
        record = _parsed(key, stored.data)
        if record is None:
            raise IntegrityError(f"{key} in the store can't be read; restore it from a backup")
        return record, stored.etag


def _parsed(key: str, data: bytes) -> DeviceRecord | None:
    try:
        return DeviceRecord.model_validate_json(data)
    except ValidationError:
        _log.error("device_unreadable", key=key, advice="restore it from a backup, or add the device again")
        return None
