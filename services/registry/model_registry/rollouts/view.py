"""What a rollout looks like from the reports: who has a seat in it, where each of them stands, and what it counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from pipit.fleet.types import State, TaskReport, WindowKind

from model_registry.clocks import SLACK
from model_registry.rollouts.counts import NOTHING, Counts, counts_of, total
from model_registry.rollouts.document import RolloutRecord
from model_registry.rollouts.order import canaries, reached
from model_registry.rollouts.seen import Fleet, SeenDevice, SeenProcess, runs
from model_registry.rollouts.settings import Rules


@dataclass(frozen=True, slots=True)
class Seat:
    """One device in a rollout. canary: it may serve the new version now; was_reached: or might before the end.

    device: None: it was not seen in the last day. live: counts at this stage, of the version that the device should
    serve. before: of the version before, in the hour before the rollout reached it. replay, shadow: of the new version
    beside the other one. tried: requests that the new version had there, real and replayed.
    """

    device_id: str
    canary: bool
    was_reached: bool
    device: SeenDevice | None
    pinned: bool
    reachable: bool
    processes: tuple[tuple[SeenProcess, TaskReport], ...] = ()
    live: Counts = NOTHING
    before: Counts = NOTHING
    replay: Counts = NOTHING
    shadow: Counts = NOTHING
    tried: Counts = NOTHING

    @property
    def told(self) -> TaskReport | None:
        """What it said last of the task."""
        return self.processes[0][1] if self.processes else None

    @property
    def seconds(self) -> float:
        """Since its last report of the task."""
        return self.processes[0][0].seconds if self.processes else float("inf")

    def serves(self, version: str) -> bool:
        """Whether all its processes answer with that version."""
        return bool(self.processes) and all(runs(told, version) for _, told in self.processes)

    def prefetched(self, version: str) -> bool:
        """Whether all its processes have that version at hand, or serve it already."""
        return bool(self.processes) and all(
            runs(told, version) or (told.candidate_version, told.candidate_state) == (version, State.PREFETCHED)
            for _, told in self.processes
        )

    def refusal(self, version: str) -> tuple[str, str] | None:
        """The step at which it refused that version, and the reason; None: it did not."""
        for _, told in self.processes:
            if told.candidate_version == version and told.candidate_state == State.REFUSED:
                return told.candidate_failed_step, told.candidate_reason
            # A device that refuses what it should load may go on to serve the one before.
            if told.desired_version == version and told.failed_step and told.active_version != version:
                return told.failed_step, told.reason
        return None


@dataclass(frozen=True)
class View:
    """A rollout at one moment."""

    rollout: RolloutRecord
    task: str
    now: datetime
    rules: Rules
    seats: tuple[Seat, ...]
    """In the rollout's order."""

    @cached_property
    def canaries(self) -> tuple[Seat, ...]:
        """Those that may serve the new version, pinned ones not counted."""
        return tuple(seat for seat in self.seats if seat.canary and not seat.pinned)

    @cached_property
    def controls(self) -> tuple[Seat, ...]:
        """Those that serve the version before."""
        return tuple(seat for seat in self.seats if not seat.canary and not seat.pinned)

    @cached_property
    def first(self) -> tuple[Seat, ...]:
        """Those of the first stage, pinned ones not counted."""
        names = set(reached(self.rollout, 0))
        return tuple(seat for seat in self.seats if seat.device_id in names and not seat.pinned)

    @cached_property
    def newest(self) -> tuple[Seat, ...]:
        """The canaries that came with this stage; all of them where none did."""
        stage = self.rollout.stage
        earlier = set(reached(self.rollout, stage - 1)) if stage else set()
        return tuple(seat for seat in self.canaries if seat.device_id not in earlier) or self.canaries

    @cached_property
    def control(self) -> Counts:
        """What the version before answered at this stage, on all devices that serve it."""
        return total(seat.live for seat in self.controls)

    @property
    def is_watched(self) -> bool:
        """Whether this stage takes any time at all."""
        stage = self.rollout.current
        return self.rollout.phase == "prefetching" or stage.holds or stage.bake_seconds > 0.0

    @property
    def stage_seconds(self) -> float:
        """Since this stage began, by the registry's clock; infinite where that clock was wrong once.

        Where it went on after a pause by a clock that was behind, since then: a wrong date makes no stage older.
        """
        rollout = self.rollout
        return elapsed(
            self.now, rollout.waits_since if rollout.waits_since < rollout.stage_since else rollout.stage_since
        )

    @property
    def waited_seconds(self) -> float:
        """Since it began to wait for data."""
        return elapsed(self.now, self.rollout.waits_since)


def elapsed(now: datetime, since: datetime) -> float:
    """Seconds, at least 0. Infinite where `since` lies so far ahead that a wrong clock must have said it."""
    passed = now - since
    return float("inf") if -passed > SLACK else max(0.0, passed.total_seconds())


def view_of(rollout: RolloutRecord, task: str, fleet: Fleet, now: datetime, rules: Rules) -> View:
    """What can be seen of a rollout of that task now."""
    chosen = set(canaries(rollout))
    ever = chosen if rollout.is_open else set(reached(rollout) if rollout.phase == "running" else ())
    seats = tuple(
        _seat(rollout, task, name, (name in chosen, name in ever), fleet.get(name), rules) for name in rollout.order
    )
    return View(rollout, task, now, rules, seats)


def _seat(
    rollout: RolloutRecord, task: str, name: str, reached_by: tuple[bool, bool], device: SeenDevice | None, rules: Rules
) -> Seat:
    canary, _ = reached_by
    if device is None:
        return Seat(name, *reached_by, None, False, False)
    processes = _of_now(device.serving(task), rules)
    seconds = processes[0][0].seconds if processes else float("inf")
    pinned = task in device.pinned
    found = _counted(rollout, task, canary, device, rules)
    live, replay = found.get(WindowKind.LIVE, NOTHING), found.get(WindowKind.REPLAY, NOTHING)
    return Seat(
        name,
        *reached_by,
        device,
        pinned,
        device.online and seconds <= rules.reachable_seconds and not pinned,
        processes,
        live,
        found.get(WindowKind.BEFORE, NOTHING),
        replay,
        found.get(WindowKind.SHADOW, NOTHING),
        total((replay, live)) if canary else replay,
    )


def _counted(
    rollout: RolloutRecord, task: str, canary: bool, device: SeenDevice, rules: Rules
) -> dict[WindowKind, Counts]:
    """What it counted, by kind. What a boot before this one counted at this stage counts too, or crashes would hide."""
    sums: dict[WindowKind, list[Counts]] = {}
    mine = rollout.to_version if canary else rollout.from_version
    for process in device.processes:
        for report in (process.report, process.before):
            for window in report.windows if report is not None else ():
                if window.task != task:
                    continue
                if window.kind == WindowKind.LIVE:
                    place = (window.version, window.rollout, window.stage)
                    wanted = place == (mine, rollout.id, rollout.stage)
                elif report is not process.report:
                    wanted = False
                elif window.kind == WindowKind.BEFORE:
                    wanted = window.version == rollout.from_version
                else:
                    wanted = (window.version, window.rollout) == (rollout.to_version, rollout.id)
                if wanted:
                    sums.setdefault(window.kind, []).append(counts_of(window, rules.error_codes))
    return {kind: total(counts) for kind, counts in sums.items()}


def _of_now(
    processes: tuple[tuple[SeenProcess, TaskReport], ...], rules: Rules
) -> tuple[tuple[SeenProcess, TaskReport], ...]:
    """Without those that are gone for good: a device may go on with fewer processes."""
    fresh = tuple(pair for pair in processes if pair[0].seconds <= rules.reachable_seconds)
    return fresh or processes[:1]


def tried(seats: Iterable[Seat]) -> Counts:
    """What the new version had to answer on all of them."""
    return total(seat.tried for seat in seats)
