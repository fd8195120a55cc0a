"""What each device may keep of which task. A consent that is withdrawn, or given anew, stays on record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from pipit.errors import AlreadyExists, Conflict, NotFound, PermissionDenied
from pipit.examples import Consent
from pipit.storage import ObjectStore

from model_registry import layout
from model_registry.examples.checks import check_consent
from model_registry.pointer import Document

_ATTEMPTS = 8
_REMEMBERED = 100
"""Consents of one device and task that are kept, the last ones."""


class ConsentRecord(Document):
    """Of one device and task. given: oldest first; the last one holds unless it was withdrawn."""

    given: tuple[Consent, ...]
    withdrawn_by: str = ""
    withdrawn_at: datetime | None = None

    @property
    def holds(self) -> Consent | None:
        """None: it was withdrawn."""
        return self.given[-1] if self.withdrawn_at is None else None


class Consents:
    """Threads, and any number of copies of the service, may share a store."""

    def __init__(self, store: ObjectStore, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """now: an aware time."""
        self._store = store
        self._now = now

    def holding(self, device: str = "") -> list[Consent]:
        """Those that hold. device: empty for all."""
        return [consent for record in self.records(device) if (consent := record.holds) is not None]

    def records(self, device: str = "") -> list[ConsentRecord]:
        """Also of those that were withdrawn."""
        keys = filter(layout.consent_of_key, self._store.list(layout.consents(device)))
        return [_parse(self._store.read(key).data) for key in keys]

    def get(self, device: str, task: str) -> Consent:
        """Raises NotFound where none was given, or it was withdrawn."""
        record, _ = self._read(device, task)
        consent = None if record is None else record.holds
        if consent is None:
            raise NotFound(f"{device} keeps nothing of {task}: no consent was given (pipit examples consents)")
        return consent

    def check(self, device: str, task: str) -> None:
        """Raises PermissionDenied where a device may keep nothing of a task."""
        try:
            self.get(device, task)
        except NotFound:
            raise PermissionDenied(
                f"nobody consented that {device[:100] or 'this device'} keeps inputs of {task}; an operator can say so "
                "with `pipit examples consent`"
            ) from None

    def give(self, consent: Consent, by: str) -> Consent:
        """Gives it as it is stored. Raises InvalidInput."""
        check_consent(consent)
        given = replace(consent, given_by=by, given_at=self._now())

        def add(record: ConsentRecord | None) -> ConsentRecord:
            before = () if record is None else record.given
            return ConsentRecord(given=(*before, given)[-_REMEMBERED:])

        self._change(consent.device_id, consent.task, add)
        return given

    def withdraw(self, device: str, task: str, by: str) -> None:
        """Raises NotFound where none holds."""
        self.get(device, task)

        def end(record: ConsentRecord | None) -> ConsentRecord:
            if record is None:
                raise NotFound(f"the consent of {device} for {task} was taken out of the store; there is none now")
            return record.model_copy(update={"withdrawn_by": by, "withdrawn_at": self._now()})

        self._change(device, task, end)

    def _change(self, device: str, task: str, change: Callable[[ConsentRecord | None], ConsentRecord]) -> None:
        key = layout.consent(device, task)
        for _ in range(_ATTEMPTS):
            record, etag = self._read(device, task)
            data = change(record).to_bytes()
            try:
                if record is None:
                    self._store.create(key, data)
                else:
                    self._store.replace(key, data, etag)
            except (AlreadyExists, Conflict):
                continue
            return
        raise Conflict(f"others change the consent of {device} for {task} at the same time; try again")

    def _read(self, device: str, task: str) -> tuple[ConsentRecord | None, str]:
        try:
            stored = self._store.read(layout.consent(device, task))
        except NotFound:
            return None, ""
        return _parse(stored.data), stored.etag


def _parse(data: bytes) -> ConsentRecord:
    return ConsentRecord.model_validate_json(data)
