"""What simulated devices talk to: the registry's own code on a clock turned by hand, and a store that counts."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from time import process_time
from typing import BinaryIO

from model_registry.audit_log import AuditLog
from model_registry.environments import Environments
from model_registry.fleet.limits import check_report
from model_registry.fleet.parts import FleetParts
from model_registry.fleet.records import DeviceRecord
from model_registry.fleet.view import DeviceView
from model_registry.pointer import Pointer
from model_registry.settings import RegistrySettings
from model_registry.versions import Versions
from pipit._pb.pipit.fleet.v1 import fleet_pb2
from pipit.bundle.keys import KeyList
from pipit.fleet import DeviceReport
from pipit.galleries import StoredGalleries
from pipit.metrics import Metrics
from pipit.registry.types import Assignment
from pipit.rpc.mirror import from_proto, to_proto
from pipit.storage import ObjectStore
from pipit.storage.base import Stored
from simulated_devices import SimulatedDevice

EPOCH = datetime(2026, 11, 29, tzinfo=UTC)
_ON_ITS_WAY = 0.02, 0.2
"""Seconds of a message, over a home's network."""
_SHORTEST_TURN = 0.2
"""Seconds between two turns of the keeper."""


class VirtualAgenda:
    """A clock that jumps from one thing to do to the next."""

    def __init__(self) -> None:
        self._now = 0.0
        self._things: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()

    def time(self) -> float:
        """Seconds since the beginning."""
        return self._now

    def date(self) -> datetime:
        """The same as a date."""
        return EPOCH + timedelta(seconds=self._now)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Does it then."""
        heapq.heappush(self._things, (self._now + seconds, next(self._number), action))

    def every(self, seconds: Callable[[], float], action: Callable[[], None]) -> None:
        """Does it again and again."""

        def again() -> None:
            action()
            self.after(seconds(), again)

        self.after(seconds(), again)

    def run(self, until: Callable[[], bool], limit: float) -> bool:
        """Until that holds, at most for so many seconds; gives whether it came to hold."""
        end = self._now + limit
        while not until():
            if not self._things or self._things[0][0] > end:
                self._now = end
                return False
            self._now, _, action = heapq.heappop(self._things)
            action()
        return True


class CountedStore:
    """A store that counts what is asked of it, by operation and by the first part of the key."""

    def __init__(self, store: ObjectStore) -> None:
        self.uncounted = store
        self._store = store
        self.operations: Counter[tuple[str, str]] = Counter()
        self.bytes: Counter[tuple[str, str]] = Counter()

    def _counted(self, operation: str, key: str, size: int = 0) -> None:
        place = operation, key.partition("/")[0]
        self.operations[place] += 1
        self.bytes[place] += size

    def check(self) -> None:
        """See ObjectStore."""
        self._store.check()

    def read(self, key: str) -> Stored:
        """See ObjectStore."""
        self._counted("read", key)
        stored = self._store.read(key)
        self.bytes["read", key.partition("/")[0]] += len(stored.data)
        return stored

    def size(self, key: str) -> int:
        """See ObjectStore."""
        self._counted("read", key)
        return self._store.size(key)

    def open(self, key: str, offset: int = 0) -> Iterator[bytes]:
        """See ObjectStore."""
        self._counted("read", key)
        return self._store.open(key, offset)

    def create(self, key: str, data: bytes | BinaryIO) -> str:
        """See ObjectStore."""
        self._counted("write", key, len(data) if isinstance(data, bytes) else 0)
        return self._store.create(key, data)

    def replace(self, key: str, data: bytes, etag: str) -> str:
        """See ObjectStore."""
        self._counted("write", key, len(data))
        return self._store.replace(key, data, etag)

    def list(self, prefix: str) -> Iterator[str]:
        """See ObjectStore. A page of S3 has a thousand keys."""
        self._counted("list", prefix)
        return self._store.list(prefix)

    def tags(self, prefix: str) -> Iterator[tuple[str, str]]:
        """See ObjectStore."""
        self._counted("list", prefix)
        return self._store.tags(prefix)

    def delete(self, key: str) -> None:
        """See ObjectStore."""
        self._counted("write", key)
        self._store.delete(key)


class Replica:
    """One copy of the registry, without its network; what its threads do is done by the agenda.

    spent: processor seconds, by what they went into. reports: when they came in.
    """

    def __init__(
        self,
        name: str,
        store: ObjectStore,
        agenda: VirtualAgenda,
        task: str,
        environment: str,
        settings: RegistrySettings,
    ) -> None:
        self.spent: Counter[str] = Counter()
        self.reports: list[float] = []
        self._agenda, self._task, self._environment = agenda, task, environment
        self._poll_seconds = settings.poll_seconds
        self._random = random.Random(name)
        self._views = Views(agenda, self._random)
        metrics = Metrics("registry")
        versions = Versions(store)
        self.environments = Environments(store, versions, StoredGalleries(store), now=agenda.date)
        self.fleet = FleetParts(
            store,
            settings,
            self.environments,
            versions,
            AuditLog(store, metrics),
            metrics,
            self._offer,
            now=agenda.date,
            clock=agenda.time,
            replica=name,
        )
        self.environments.on_move(lambda _, after: self._offer((after.task, after.name), after))
        self._streams: list[ExitStack] = []
        self._wanted = False
        agenda.after(self._random.uniform(0.0, 1.0), self._turn)

    @property
    def messages(self) -> int:
        """Sent to those who watch."""
        return self._views.messages

    def attach(self, device: SimulatedDevice) -> None:
        """It watches, for as long as the simulation lasts."""
        stack = ExitStack()
        stack.enter_context(self.fleet.devices.watching(device.device_id, self._environment, (self._task,)))
        self._streams.append(stack)
        self._views.add(DeviceView(self.fleet.devices.record(device.device_id)), device)
        self._views.tell(device.device_id, self.environments.pointer(self._task, self._environment))

    def hear(self, device: SimulatedDevice, report: DeviceReport) -> None:
        """A report that this device has sent; it comes, and is answered, a moment later."""
        request = to_proto(report, fleet_pb2.ReportRequest).SerializeToString()
        self._agenda.after(self._random.uniform(*_ON_ITS_WAY), partial(self._heard, device, request))

    def _heard(self, device: SimulatedDevice, request: bytes) -> None:
        self.reports.append(self._agenda.time())
        with self._spending("reports"):
            message = fleet_pb2.ReportRequest.FromString(request)
            check_report(message)
            self.fleet.devices.report(from_proto(message, DeviceReport))
            seconds = self.fleet.heard(message.environment)
        self._wanted = True
        device.reported(seconds)

    def _offer(self, key: tuple[str, str], item: Pointer | DeviceRecord | KeyList) -> None:
        with self._spending("watches"):
            self._views.offer(key, item)

    def _turn(self) -> None:
        """As the keeper's thread does, which rests for twice as long as it worked."""
        self._wanted = False
        begun = process_time()
        with self._spending("keeper"):
            self.fleet.keeper.round()
        took = process_time() - begun
        self._agenda.after(max(_SHORTEST_TURN, 2 * took), partial(self._idle, self._agenda.time()))

    def _idle(self, since: float) -> None:
        is_open = self._environment in self.fleet.stands.open_names()
        pause = min(self._poll_seconds, 1.0) if is_open else self._poll_seconds
        if (self._wanted and is_open) or self._agenda.time() - since >= pause * self._random.uniform(0.8, 1.0):
            self._turn()
        else:
            self._agenda.after(_SHORTEST_TURN, partial(self._idle, since))

    @contextmanager
    def _spending(self, part: str) -> Iterator[None]:
        """What is spent in a part of it counts there alone."""
        begun, inside = process_time(), sum(self.spent.values())
        try:
            yield
        finally:
            self.spent[part] += process_time() - begun - (sum(self.spent.values()) - inside)


class Views:
    """In place of the hub: those who watch this copy, each with its view. Messages are a moment on their way."""

    def __init__(self, agenda: VirtualAgenda, chance: random.Random) -> None:
        self.messages = 0
        self._agenda, self._random = agenda, chance
        self._latest: dict[tuple[str, str], int] = {}
        self._watchers: dict[str, tuple[DeviceView, SimulatedDevice]] = {}
        self._latest_at: dict[str, float] = {}
        """When the last message comes to each."""

    def add(self, view: DeviceView, device: SimulatedDevice) -> None:
        """Watches from now on."""
        self._watchers[device.device_id] = view, device

    def offer(self, key: tuple[str, str], item: Pointer | DeviceRecord | KeyList) -> None:
        """As `Hub.offer`."""
        if self._latest.get(key, -1) >= item.revision:
            return
        self._latest[key] = item.revision
        for device_id in self._watchers if key[0] else {key[1]} & self._watchers.keys():
            self.tell(device_id, item)

    def tell(self, device_id: str, item: Pointer | DeviceRecord | KeyList) -> None:
        """What one of them is told of it."""
        view, device = self._watchers[device_id]
        for message in view.told(item):
            if isinstance(message, Assignment):
                self.messages += 1
                # A stream keeps its order.
                now = self._agenda.time()
                comes = max(now + self._random.uniform(*_ON_ITS_WAY), self._latest_at.get(device_id, 0.0))
                self._latest_at[device_id] = comes
                self._agenda.after(comes - now, partial(device.assigned, message))
