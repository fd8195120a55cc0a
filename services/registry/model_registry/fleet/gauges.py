"""What this copy shows Prometheus of devices and rollouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic

from pipit.fleet import Evidence
from pipit.metrics import Metrics
from prometheus_client import Gauge

from model_registry.fleet.devices import Devices
from model_registry.fleet.rollouts import Rollouts
from model_registry.fleet.stands import Stands
from model_registry.pointer import Pointer
from model_registry.rollouts.document import RolloutRecord, VerdictRecord
from model_registry.rollouts.explain import lanes_of
from model_registry.rollouts.order import reached
from model_registry.rollouts.rules import evidence_of
from model_registry.rollouts.view import View

_GIVES_UP_SECONDS = 600.0
"""A device that is not back by then is waited for no more: that time is counted, which raises an alert."""


Series = dict[tuple[str, ...], float]
"""Values by their labels."""


class _Shown:
    """A gauge whose series come and go. None is missing for a moment while they are renewed."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._labels: set[tuple[str, ...]] = set()

    def show(self, values: Mapping[tuple[str, ...], float]) -> None:
        for labels, value in values.items():
            self._gauge.labels(*labels).set(value)
        for labels in self._labels - values.keys():
            self._gauge.remove(*labels)
        self._labels = set(values)


class Gauges:
    """`moved` may be called by any thread; the others by one."""

    def __init__(
        self,
        metrics: Metrics,
        devices: Devices,
        rollouts: Rollouts,
        stands: Stands,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """clock: seconds."""
        self._devices = devices
        self._rollouts = rollouts
        self._stands = stands
        self._clock = clock
        self._info = _Shown(metrics.gauge("pipit_rollout_info"))
        self._stage = _Shown(metrics.gauge("pipit_rollout_stage"))
        self._lanes = _Shown(metrics.gauge("pipit_rollout_devices"))
        self._evidence = _Shown(metrics.gauge("pipit_rollout_evidence"))
        self._last = _Shown(metrics.gauge("pipit_rollout_last_verdict_info"))
        self._reports = _Shown(metrics.gauge("pipit_device_last_report_seconds"))
        self._online = metrics.gauge("pipit_registry_devices")
        self._moves = metrics.counter("pipit_registry_moves_total")
        self._verdicts = metrics.counter("pipit_rollout_verdicts_total")
        self._to_fleet = metrics.histogram("pipit_rollout_time_to_fleet_seconds")
        self._back = metrics.histogram("pipit_rollback_seconds")
        self._going_back: dict[str, tuple[Pointer, RolloutRecord, float]] = {}

    def moved(self, before: Pointer, after: Pointer) -> None:
        """Counts what this copy wrote: moves, verdicts, and how long it took."""
        place, ended = (after.task, after.name), after.last_rollout
        for move in after.history[len(before.history) :]:
            self._moves.labels(*place, move.action).inc()
        if ended is not None and (before.last_rollout is None or before.last_rollout.id != ended.id):
            self._count(place, ended.verdict)
            if ended.state == "succeeded" and ended.ended_at is not None:
                self._to_fleet.labels(*place).observe(max(0.0, (ended.ended_at - ended.started_at).total_seconds()))
            elif ended.state == "aborted" and ended.phase == "running":
                self._going_back[ended.id] = (after, ended, self._clock())
        rollout = after.rollout
        if (
            rollout is not None
            and rollout.state == "paused"
            and (before.rollout is None or before.rollout.verdict != rollout.verdict)
        ):
            self._count(place, rollout.verdict)

    def show_devices(self) -> None:
        """Those of the last day."""
        present = self._devices.present()
        online = sum(one.online for one in present.values())
        self._online.labels("yes").set(online)
        self._online.labels("no").set(len(present) - online)
        silent: Series = {(name,): one.seconds for name, one in present.items() if one.seconds is not None}
        self._reports.show(silent)

    def show_rollouts(self) -> None:
        """Those that are open, the last verdict of each environment, and how quickly devices came back."""
        info: Series = {}
        stage: Series = {}
        lanes: Series = {}
        evidence: Series = {}
        last: Series = {}
        for pointer in self._stands.all():
            place, rollout = (pointer.task, pointer.name), pointer.rollout
            told = rollout if rollout is not None and rollout.verdict is not None else pointer.last_rollout
            if told is not None and told.verdict is not None:
                verdict = told.verdict
                last[(*place, told.id, verdict.kind, verdict.rule, verdict.sentence)] = 1.0
            if rollout is None:
                continue
            info[(*place, rollout.id, rollout.from_version, rollout.to_version, rollout.state)] = 1.0
            stage[place] = float(rollout.stage)
            view = self._rollouts.view(pointer, rollout)
            for lane in lanes_of(view):
                lanes[(*place, lane.lane)] = lanes.get((*place, lane.lane), 0.0) + 1.0
            for one in self._evidence_of(pointer, rollout, view):
                evidence[(*place, one.rule)] = one.value / one.limit if one.limit else float(one.fires)
        for shown, values in (
            (self._info, info),
            (self._stage, stage),
            (self._lanes, lanes),
            (self._evidence, evidence),
            (self._last, last),
        ):
            shown.show(values)
        self._time_way_back()

    def _evidence_of(self, pointer: Pointer, rollout: RolloutRecord, view: View) -> tuple[Evidence, ...]:
        try:
            return evidence_of(view, self._rollouts.expected(pointer.task, rollout))
        except Exception:  # The steward has logged it, and looks at the others.
            return ()  # the steward says why

    def _time_way_back(self) -> None:
        for identity, (pointer, rollout, since) in list(self._going_back.items()):
            seats = {seat.device_id: seat for seat in self._rollouts.view(pointer, rollout).seats}
            there = [seats[name] for name in reached(rollout) if seats[name].reachable]
            passed = self._clock() - since
            if passed >= _GIVES_UP_SECONDS or (there and all(seat.serves(rollout.from_version) for seat in there)):
                self._back.labels(pointer.task, pointer.name).observe(passed)
                del self._going_back[identity]

    def _count(self, place: tuple[str, str], verdict: VerdictRecord | None) -> None:
        if verdict is not None:
            self._verdicts.labels(*place, verdict.kind, verdict.rule).inc()
