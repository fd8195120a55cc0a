"""Copies of the registry without servers, with a clock of our own, and devices that do as they are told."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from model_registry.assignments import assignment_for
from model_registry.audit_log import AuditLog
from model_registry.environments import Environments
from model_registry.fleet.devices import Devices
from model_registry.fleet.gauges import Gauges
from model_registry.fleet.moments import Moments
from model_registry.fleet.records import DeviceRecords
from model_registry.fleet.rollouts import Begun, Rollouts, Wish
from model_registry.fleet.sheets import Sheets
from model_registry.fleet.stands import Stands
from model_registry.fleet.steward import Steward
from model_registry.fleet.tokens import DeviceTokens
from model_registry.pointer import Pointer
from model_registry.rollouts.settings import RuleBook
from model_registry.versions import Versions
from pipit.fleet import DeviceReport, State, TaskReport, Window, WindowKind
from pipit.galleries import StoredGalleries
from pipit.metrics import Metrics
from pipit.storage import ObjectStore

TASK = "test.sounds"
PLACE = (TASK, "production")


@dataclass
class Clock:
    """Seconds that pass when told to."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def date(self) -> datetime:
        return datetime(2026, 11, 29, tzinfo=UTC) + timedelta(seconds=self.seconds)


class Copy:
    """One copy of the registry's fleet side. wrong: how far off the date is that it believes in."""

    def __init__(self, store: ObjectStore, clock: Clock, name: str, wrong: timedelta = timedelta(0)) -> None:
        def now() -> datetime:
            return clock.date() + wrong

        self.name = name
        self.clock = clock
        self.metrics = Metrics("registry")
        versions = Versions(store)
        self.environments = Environments(store, versions, StoredGalleries(store), now)
        self.records = DeviceRecords(store, now)
        self.sheets = Sheets(store, 1000, now, clock, name)
        self.devices = Devices(self.records, self.sheets, DeviceTokens(self.records))
        self.stands = Stands(store, self.environments.pointer)
        self.rollouts = Rollouts(self.environments, versions, self.stands, self.devices, RuleBook(), Moments(clock))
        self.audit = AuditLog(store, self.metrics, now)
        self.steward = Steward(self.environments, self.rollouts, self.stands, self.audit)
        self.gauges = Gauges(self.metrics, self.devices, self.rollouts, self.stands, clock)
        self.environments.on_move(lambda before, after: self.stands.offer(after))
        self.environments.on_move(self.gauges.moved)

    def round(self) -> None:
        """What the keeper does."""
        self.records.look()
        self.stands.look()
        self.sheets.look()
        self.sheets.write(self.stands.open_names())
        self.steward.step()
        self.gauges.show_rollouts()
        self.gauges.show_devices()

    def start(self, version: str = "2.0.0", **wish: object) -> Begun:
        return self.rollouts.start(Wish(TASK, version, "production", **wish), "anna")  # type: ignore[arg-type]

    @property
    def pointer(self) -> Pointer:
        return self.environments.pointer(*PLACE)

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"task": TASK, "environment": "production", **labels})


@dataclass
class Actor:
    """A device that does as it is told, and says so. bad: versions that fail every request there."""

    name: str
    clock: Clock
    bad: frozenset[str] = frozenset()
    sequence: int = 0
    version: str = "1.0.0"
    since: float = 0.0
    counted: dict[tuple[str, str, int], int] = field(default_factory=dict)

    def report(self, pointer: Pointer) -> DeviceReport:
        told = assignment_for(pointer, self.name)
        if told.version != self.version:
            self.version, self.since = told.version, self.clock()
        place = (told.version, told.rollout, told.stage)
        self.counted[place] = self.counted.get(place, 0) + 20
        self.sequence += 1
        count, fails = self.counted[place], told.version in self.bad
        window = Window(
            WindowKind.LIVE,
            TASK,
            *place,
            answered=0 if fails else count,
            errors={"INTERNAL": count} if fails else {},
            predictions=0 if fails else count,
        )
        candidate = told.candidate.version if told.candidate else ""
        task = TaskReport(
            TASK,
            told.version,
            told.revision,
            told.version,
            told.digest,
            State.SERVING,
            active_seconds=self.clock() - self.since,
            candidate_version=candidate,
            candidate_state=State.PREFETCHED if candidate else State.UNSPECIFIED,
        )
        return DeviceReport(
            self.name, "boot", self.sequence, "production", tasks=(task,), windows=(window,), up_seconds=self.clock()
        )


@dataclass
class Fleet:
    """Devices that report each second, each to any copy. pool: None: the copies do their rounds one after the other."""

    clock: Clock
    actors: list[Actor]
    pool: ThreadPoolExecutor | None = None
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    def second(self, *copies: Copy, step: float = 1.0) -> None:
        """Some time passes, every device reports, then every copy does its round."""
        self.clock.seconds += step
        for actor in self.actors:
            copy = self.dice.choice(copies)
            copy.sheets.report(actor.report(copy.pointer))
        if self.pool is None:
            for copy in copies:
                copy.round()
        else:
            list(self.pool.map(Copy.round, copies))

    def until_over(self, *copies: Copy, step: float = 1.0) -> Pointer:
        """Until no rollout is open."""
        for _ in range(200):
            self.second(*copies, step=step)
            if copies[0].pointer.rollout is None:
                return copies[0].pointer
        pytest.fail(f"it never ended: {copies[0].rollouts.get(*PLACE, '').explanation}")
