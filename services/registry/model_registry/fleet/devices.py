"""The devices, for whoever serves them: what people made of them, what they said, and for whom a caller may speak."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipit.errors import NotFound
from pipit.fleet import Device, DeviceReport
from pipit.rpc.callers import Role, caller

from model_registry import layout
from model_registry.fleet.records import DeviceRecord, DeviceRecords, PinRecord
from model_registry.fleet.seen import Heard, Seen
from model_registry.fleet.sheets import Sheets
from model_registry.fleet.tokens import DeviceTokens
from model_registry.rollouts.seen import Fleet, SeenDevice, SeenProcess


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a device is there. seconds: since its last report; None: it never sent one."""

    online: bool
    seconds: float | None


class Devices:
    """Threads may share it."""

    def __init__(self, records: DeviceRecords, sheets: Sheets, tokens: DeviceTokens) -> None:
        self._records = records
        self._sheets = sheets
        self._tokens = tokens

    @property
    def complete(self) -> bool:
        """Whether this copy has read which devices there are."""
        return self._records.complete and self._sheets.complete

    def record(self, device_id: str) -> DeviceRecord:
        """What people made of it. Raises InvalidInput, Unavailable."""
        return self._records.get(device_id)

    def speaking(self, device_id: str, asks_only: bool = False) -> str:
        """The device for which whoever calls speaks, if any. Raises InvalidInput, PermissionDenied.

        asks_only: nothing is taken for this device's word; an operator may ask for any.
        """
        device_id = device_id or caller().device
        if device_id:
            layout.device(device_id)
            if not (asks_only and Role.OPERATOR in caller().roles):
                self._tokens.check_speaks_for(device_id)
        return device_id

    def watching(self, device_id: str, environment: str, tasks: Collection[str]) -> AbstractContextManager[None]:
        """Notes that it is there, for as long as the block runs. device_id: empty: nobody says who watches.

        A reader's token names no device: else it could invent some.
        """
        speaks = bool(device_id) and Role.DEVICE in caller().roles
        return self._sheets.watching(device_id, environment, tasks) if speaks else nullcontext()

    def report(self, report: DeviceReport, size: int = 0) -> None:
        """Takes what a device says, in so many bytes. Raises PermissionDenied for another device's name, QueueFull."""
        self._tokens.check_speaks_for(report.device_id)
        self._sheets.report(report, size)

    def add(self, device_id: str, tasks: Collection[str]) -> tuple[str, bool]:
        """Its own token, and whether it takes the place of another. Raises InvalidInput, Conflict, Unavailable."""
        return self._tokens.make(device_id, tuple(sorted({layout.check_task(task) for task in tasks})))

    def remove(self, device_id: str) -> DeviceRecord:
        """Raises NotFound for one of which nobody knows anything."""
        self._check_known(device_id)
        return self._records.change(device_id, lambda record: record.removed(self._records.now()))

    def pin(self, device_id: str, task: str, pin: PinRecord) -> DeviceRecord:
        """Raises NotFound for a device of which nobody knows anything."""
        self._check_known(device_id)
        return self._records.change(device_id, lambda record: record.pinned(task, pin))

    def unpin(self, device_id: str, task: str) -> DeviceRecord:
        """Raises NotFound where it is not pinned."""
        return self._records.change(device_id, lambda record: record.unpinned(task))

    def list(self, environment: str, task: str, may_ask: Callable[[str], bool]) -> tuple[Device, ...]:
        """By id. environment, task: empty for all. may_ask: of which tasks whoever asks may know."""
        seen, records = self._seen(), self._records.all()
        known = {name for name, record in records.items() if record.is_known}
        found = []
        for device_id in sorted(seen.keys() | known):
            one, record = seen.get(device_id), records.get(device_id, DeviceRecord(device_id=device_id))
            tasks = (one.tasks if one else frozenset()) | record.pins.keys()
            if environment and (one is None or one.environment != environment):
                continue
            if task and task not in tasks:
                continue
            found.append(self._device(one, record, may_ask))
        return tuple(found)

    def fleet(self, environment: str) -> Fleet:
        """The devices of an environment that were seen in the last day, as the rules of rollouts look at them."""
        now, silent, records = self._sheets.clock(), self._sheets.listening_seconds, self._records.all()
        return {
            device_id: SeenDevice(
                device_id,
                one.is_there(now),
                tuple(_process(heard, now, silent) for heard in one.heard),
                frozenset(records[device_id].pins) if device_id in records else frozenset(),
            )
            for device_id, one in self._seen().items()
            if one.environment == environment
        }

    def having(self, environment: str, task: str) -> dict[str, bool]:
        """The devices of an environment that have this task, and no pin for it; and whether each is there now.

        One that watches and never said a word is not: a rollout would wait for it in vain.
        """
        now, records = self._sheets.clock(), self._records.all()
        return {
            device_id: bool(one.heard) and one.is_there(now)
            for device_id, one in self._seen().items()
            if one.environment == environment
            and task in one.tasks
            and not (device_id in records and task in records[device_id].pins)
        }

    def present(self) -> dict[str, Presence]:
        """The devices of the last day, by id."""
        now = self._sheets.clock()
        return {
            device_id: Presence(
                one.is_online(now), max(0.0, now - max(heard.at for heard in one.heard)) if one.heard else None
            )
            for device_id, one in self._seen().items()
        }

    def _check_known(self, device_id: str) -> None:
        if not self._records.get(device_id).is_known and device_id not in self._seen():
            raise NotFound(f"no device {device_id[:100]} was added or seen in the last day; `pipit devices` lists them")

    def _seen(self) -> dict[str, Seen]:
        """Without what was there before somebody removed it."""
        records = self._records.all()
        return {
            device_id: one
            for device_id, one in self._sheets.seen().items()
            if (record := records.get(device_id)) is None
            or record.removed_at is None
            or one.watching
            or self._at(one) > record.removed_at
        }

    def _at(self, seen: Seen) -> datetime:
        return self._records.now() - timedelta(seconds=max(0.0, self._sheets.clock() - seen.at))

    def _device(self, seen: Seen | None, record: DeviceRecord, may_ask: Callable[[str], bool]) -> Device:
        pins = tuple(pin for pin in record.pinned_tasks() if may_ask(pin.task))
        if seen is None:
            return Device(record.device_id, pins=pins, has_token=bool(record.token))
        device = Device(
            seen.device_id,
            seen.environment,
            last_seen=self._at(seen),
            online=seen.is_online(self._sheets.clock()),
            tasks=tuple(told for told in seen.task_reports() if may_ask(told.task)),
            pins=pins,
            has_token=bool(record.token),
        )
        if not seen.heard:
            return device
        first = seen.heard[0]
        return replace(
            device,
            board=first.report.board,
            software=first.report.software,
            cpu_temperature=first.report.cpu_temperature,
            throttled=first.report.throttled,
            memory_available=first.report.memory_available,
            up_seconds=first.report.up_seconds + max(0.0, self._sheets.clock() - first.at),
        )


def _process(heard: Heard, now: float, listening: float) -> SeenProcess:
    """Nobody was silent for longer than this copy listens: what was said before it began may lie on no sheet."""
    seconds = min(max(0.0, now - heard.at - heard.unheard), listening)
    return SeenProcess(heard.report, seconds, heard.before, max(0.0, now - heard.before_at) if heard.before else 0.0)
