"""Devices as a registry sees them: small state machines that follow assignments, count requests and report.

    told a version ──has it?──no──> fetching ──> loaded, proven ──> swapping ──> serving
                        └───yes──────────────────────────────────────^
    told a candidate ──> fetching ──> prefetched, or refused
    what it serves raises, is slow, or dies: as `Behaviour` says

Times are drawn from distributions, requests and errors too. No network is computed and no file fetched; the windows
are those of `pipit.serving.tally`, as a real device counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from pipit.fleet import DeviceReport, State, TaskReport, WindowKind
from pipit.registry.types import Assignment
from pipit.serving.counts import Totals
from pipit.serving.tally import TaskTally

TOGETHER = 0.1
"""Seconds that changes wait for others, which then go in one report."""
REPLAYED = 32
_BOARD = "Raspberry Pi 5 Model B Rev 1.0 aarch64"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a version does. errors, over_budget, unknown: shares of requests.

    refused_step: at which `refused_share` of the devices refuse it. dies_after: seconds from its swap until its process
    ends; None: it lives.
    """

    errors: float = 0.002
    over_budget: float = 0.01
    unknown: float = 0.05
    scores: tuple[float, ...] = (0.0, 0.0, 0.0, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.3)
    refused_step: str = ""
    refused_share: float = 1.0
    dies_after: float | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How quick devices are: medians in seconds, of which single ones differ by `spread` (sigma of the logarithm)."""

    fetch: float = 4.0
    swap: float = 0.6
    standby: float = 0.05
    restart: float = 8.0
    spread: float = 0.5
    requests: float = 1.0
    """A second, on each device."""


class Agenda(Protocol):
    """What comes later: of a virtual clock, or of asyncio's."""

    def time(self) -> float:
        """Seconds."""
        ...

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Does it then."""
        ...


class _Counts:
    """Of one version: what `pipit.serving.counts.Counts` is read as."""

    __slots__ = ("_totals",)

    def __init__(self) -> None:
        self._totals = Totals()

    def add(self, requests: int, behaviour: Behaviour, random: np.random.Generator, disagreed: int = 0) -> None:
        before = self._totals
        failed = int(random.binomial(requests, behaviour.errors)) if requests else 0
        answered = requests - failed
        scores = random.multinomial(answered, behaviour.scores)
        self._totals = Totals(
            before.answered + answered,
            {"INTERNAL": before.errors.get("INTERNAL", 0) + failed} if failed or before.errors else {},
            before.over_budget + int(random.binomial(answered, behaviour.over_budget)),
            before.predictions + answered,
            before.unknown + int(random.binomial(answered, behaviour.unknown)),
            tuple(int(one + more) for one, more in zip(before.score_counts, scores, strict=True)),
            {"bark": before.label_counts.get("bark", 0) + answered},
            disagreed=before.disagreed + disagreed,
            latency_sum=before.latency_sum + answered * 0.05,
            latency_squares=before.latency_squares + answered * 0.003,
        )

    def totals(self) -> Totals:
        return self._totals


class _Versions:
    """What `pipit.serving.counts.TaskCounts` is read as."""

    def __init__(self) -> None:
        self._counts: dict[str, _Counts] = {}

    def of(self, version: str) -> _Counts:
        return self._counts.setdefault(version, _Counts())

    def versions(self) -> dict[str, _Counts]:
        return dict(self._counts)

    def forget(self, version: str) -> None:
        self._counts.pop(version, None)


class SimulatedDevice:
    """One device with one task. `send` gives its reports away; `reported` says when the next one is due."""

    def __init__(
        self,
        device_id: str,
        environment: str,
        task: str,
        versions: Mapping[str, Behaviour],
        agenda: Agenda,
        send: Callable[[SimulatedDevice, DeviceReport], None],
        seed: int,
        pace: Pace,
    ) -> None:
        self.device_id = device_id
        self.active = ""
        self.assignment: Assignment | None = None
        self.requests: dict[str, int] = {}
        """By version."""
        self.swaps: list[tuple[float, str]] = []
        """When it came to serve which version."""
        self.is_on = True
        self._environment, self._task = environment, task
        self._versions, self._agenda, self._send, self._pace = versions, agenda, send, pace
        self._random = np.random.default_rng(seed)
        self._counts = _Versions()
        self._tally = TaskTally(task, self._counts, clock=agenda.time)  # type: ignore[arg-type]
        self._cached: set[str] = set()
        self._refused: set[str] = set()
        self._doing = ""
        """Version that is fetched or swapped to."""
        self._standby = ""
        """Version that is loaded still."""
        self._boot, self._sequence = 0, 0
        self._began = self._counted = self._active_since = agenda.time()
        self._report_number = 0

    # What the registry says

    def assigned(self, assignment: Assignment) -> None:
        """Follows it."""
        if not self.is_on:
            return
        self._count()
        self.assignment = assignment
        self._tally.assigned(assignment)
        self._work()
        self.changed()

    def reported(self, next_seconds: float) -> None:
        """The registry took a report."""
        self._due_in(next_seconds * float(self._random.uniform(0.8, 1.0)))

    def failed(self) -> None:
        """The registry did not take a report."""
        self._due_in(float(self._random.uniform(1.0, 5.0)))

    # What it does

    def _work(self) -> None:
        told = self.assignment
        if told is None or self._doing or not self.is_on:
            return
        wanted = told.version
        if wanted and wanted != self.active and wanted not in self._refused:
            self._doing = wanted
            if wanted in self._cached:
                self._swap(wanted)
            else:
                self._agenda.after(self._drawn(self._pace.fetch), lambda: self._fetched(wanted))
        elif told.candidate and told.candidate.version not in self._cached | self._refused:
            candidate = told.candidate.version
            self._doing = candidate
            self._agenda.after(self._drawn(self._pace.fetch), lambda: self._fetched(candidate))

    def _fetched(self, version: str) -> None:
        self._doing = ""
        if not self.is_on:
            return
        behaviour = self._versions[version]
        if behaviour.refused_step and float(self._random.random()) < behaviour.refused_share:
            self._refused.add(version)
        else:
            self._cached.add(version)
        self.changed()
        self._work()

    def _swap(self, version: str) -> None:
        seconds = self._pace.standby if version == self._standby else self._drawn(self._pace.swap)
        self._agenda.after(seconds, lambda: self._swapped(version))

    def _swapped(self, version: str) -> None:
        self._doing = ""
        if not self.is_on:
            return
        told = self.assignment
        if told is not None and told.rollout and told.standby is not None and version == told.version:
            replayed = _Counts()
            replayed.add(REPLAYED, self._versions[version], self._random)
            self._tally.count_apart(WindowKind.REPLAY, version, replayed)  # type: ignore[arg-type]
        self._count()
        keeps = told is not None and told.standby is not None and told.standby.version == self.active
        self._standby = self.active if keeps else ""
        self.active = version
        self._active_since = self._agenda.time()
        self.swaps.append((self._active_since, version))
        self.changed()
        behaviour = self._versions[version]
        if behaviour.dies_after is not None:
            boot = self._boot
            self._agenda.after(self._drawn(behaviour.dies_after), lambda: self._die(boot, version))
        self._work()

    def _die(self, boot: int, version: str) -> None:
        """The process ends and begins anew; it then refuses what it died of twice."""
        if boot == self._boot and self.active == version and self.is_on:
            self.switch_off()
            self._agenda.after(self._drawn(self._pace.restart), self.switch_on)

    def switch_off(self) -> None:
        """No power."""
        self._count()
        self.is_on = False
        self._report_number += 1

    def switch_on(self) -> None:
        """Power again; it serves what it served."""
        if self.is_on:
            return
        now = self._agenda.time()
        self.is_on = True
        self._boot, self._sequence, self._doing, self._standby = self._boot + 1, 0, "", ""
        self._began = self._counted = self._active_since = now
        self._counts = _Versions()
        self._tally = TaskTally(self._task, self._counts, clock=self._agenda.time)  # type: ignore[arg-type]
        if self.assignment is not None:
            self._tally.assigned(self.assignment)
        self.changed()
        self._work()

    def _count(self) -> None:
        """Requests since it was counted last."""
        now = self._agenda.time()
        passed, self._counted = now - self._counted, now
        if self.active and self.is_on and passed > 0.0:
            requests = int(self._random.poisson(self._pace.requests * passed))
            if requests:
                self.requests[self.active] = self.requests.get(self.active, 0) + requests
                self._counts.of(self.active).add(requests, self._versions[self.active], self._random)

    def _drawn(self, median: float) -> float:
        return float(median * np.exp(self._random.normal(0.0, self._pace.spread)))

    # What it says

    def changed(self) -> None:
        """Something is worth a report at once."""
        self._due_in(TOGETHER)

    def _due_in(self, seconds: float) -> None:
        self._report_number += 1
        number = self._report_number
        self._agenda.after(seconds, lambda: self._report(number))

    def _report(self, number: int) -> None:
        # One that was put off since, or has gone already.
        if number == self._report_number and self.is_on:
            self._report_number += 1
            self._send(self, self.report())

    def report(self) -> DeviceReport:
        """What there is to say now."""
        self._count()
        self._sequence += 1
        now = self._agenda.time()
        return DeviceReport(
            self.device_id,
            f"{self.device_id}-{self._boot}",
            self._sequence,
            self._environment,
            board=_BOARD,
            software="0.1.0",
            tasks=(self._task_report(now),),
            windows=self._tally.windows(),
            cpu_temperature=52.0,
            throttled=False,
            memory_available=3 << 30,
            up_seconds=now - self._began,
        )

    def _task_report(self, now: float) -> TaskReport:
        told = self.assignment
        desired = told.version if told else ""
        candidate = told.candidate.version if told and told.candidate else ""
        return TaskReport(
            self._task,
            desired,
            told.revision if told else 0,
            self.active,
            "0" * 64 if self.active else "",
            State.SERVING if self.active else State.LOADING,
            self._versions[desired].refused_step if desired in self._refused else "",
            "it gives other scores here" if desired in self._refused else "",
            active_seconds=now - self._active_since,
            candidate_version=candidate,
            candidate_state=self._candidate_state(candidate),
            candidate_failed_step=self._versions[candidate].refused_step if candidate in self._refused else "",
            candidate_reason="it gives other scores here" if candidate in self._refused else "",
            standby=bool(self._standby),
        )

    def _candidate_state(self, candidate: str) -> State:
        if not candidate:
            return State.UNSPECIFIED
        if candidate in self._refused:
            return State.REFUSED
        return State.PREFETCHED if candidate in self._cached or candidate == self.active else State.PREFETCHING
