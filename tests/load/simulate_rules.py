"""How soon the stop rules stop a bad version, and how often a good one, on simulated fleets (`fleet_noise`).

simulate_rules.py methods    ways to weigh errors, side by side: docs/measured/rollout_evidence.csv
simulate_rules.py stops      `decide` itself on bad versions: docs/measured/rollout_stops.csv
simulate_rules.py false      `decide` itself on good ones: docs/measured/rollout_false_stops.csv

The rules were made while looking at the seeds from 0 on; `--seed` begins at another one, which they have not seen.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from evidence_methods import methods
from fleet_noise import CALM, DRIFTED, SCORES, WORLDS, Counted, Fleet, Ints, Version, World
from measure import write_csv
from model_registry.rollouts.decide import decide
from model_registry.rollouts.document import INCONCLUSIVE, RolloutRecord, StageRecord, stages_of
from model_registry.rollouts.expected import Expected
from model_registry.rollouts.order import canaries, order_of
from model_registry.rollouts.seen import SeenDevice, SeenProcess
from model_registry.rollouts.settings import Rules
from model_registry.rollouts.states import changed
from pipit.fleet.types import DeviceReport, State, TaskReport, Window, WindowKind

TASK, OLD, NEW, ID = "test.sounds", "1.0.0", "1.1.0", "r-0000000000ab"
DEVICES, LIMIT, HOUR = 20, np.log(100.0), 3600.0
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
PACKAGES = ("numpy", "scipy", "pydantic")
EXPECTED = Expected(budget_seconds=0.1, scores=tuple(SCORES))
BAD = [Version(f"{share:.0%} of requests fail", errors=share) for share in (1.0, 0.5, 0.2, 0.05)]
OTHERS = [
    *(Version(f"{share:.0%} more answers are late", slow=share) for share in (0.9, 0.5, 0.2)),
    Version("scores two tenths lower", drifted=True),
    *(Version(f"{times:.0f} times as many unknown", unknown=times) for times in (2.0, 4.0)),
]


def canary_mask(count: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """The first devices."""
    return np.arange(DEVICES) < count


def compare_methods(runs: int, first: int) -> list[dict[str, object]]:
    """False stops by world and method, and time to stop by share of errors; 2 canaries of 20."""
    rows: list[dict[str, object]] = []
    plans = [(world, 2, 120.0, 2.0) for world in WORLDS] + [(world, 5, HOUR, 20.0) for world in WORLDS]
    for world, count, seconds, dt in plans:
        fired = Counter(dict.fromkeys(methods(dt), 0))
        some = runs if seconds < HOUR else runs // 5
        for seed in range(first, first + some):
            fleet, canary = Fleet(world, DEVICES, np.random.default_rng(seed)), canary_mask(count)
            before = fleet.count(180, 20.0, canary, Version(), before=True)
            stage = fleet.count(int(seconds / dt), dt, canary, Version())
            fired.update(name for name, method in methods(dt).items() if method(stage, before, canary).max() >= LIMIT)
        for name, times in fired.items():
            place = {"version": "good", "world": world.name, "canaries": count, "seconds": seconds}
            rows.append({"method": name, **place, "runs": some, "stopped": times, "share": round(times / some, 4)})
    for version in BAD:
        after: dict[str, list[float]] = {name: [] for name in methods(1.0)}
        for seed in range(first, first + runs // 5):
            fleet, canary = Fleet(CALM, DEVICES, np.random.default_rng(seed)), canary_mask(2)
            before = fleet.count(180, 20.0, canary, Version(), before=True)
            stage = fleet.count(300, 1.0, canary, version)
            for name, method in methods(1.0).items():
                over = np.flatnonzero(method(stage, before, canary) >= LIMIT)
                after[name].append(float(over[0] + 1) if len(over) else np.inf)
        for name, times in after.items():
            place = {"version": version.name, "world": "calm", "canaries": 2, "seconds": 300.0}
            stopped = sum(np.isfinite(times))
            row = {"method": name, **place, "runs": runs // 5, "stopped": stopped, "share": stopped / (runs // 5)}
            rows.append({**row, "median_s": np.median(times), "p95_s": np.quantile(times, 0.95, method="higher")})
    return [{"median_s": "", "p95_s": "", **row} for row in rows]


class Simulated:
    """A rollout of one version over one fleet, which has it at hand, decided by the rules themselves."""

    def __init__(self, world: World, version: Version, stages: Sequence[StageRecord], seed: int, requests: float):
        self.random = np.random.default_rng(seed)
        self.fleet = Fleet(world, DEVICES, self.random, requests)
        self.version, self.now, self.rules = version, BEGIN, Rules()
        names = [f"pi-{number}" for number in range(DEVICES)]
        self.rollout = RolloutRecord(
            id=ID, from_version=OLD, from_digest="0" * 64, to_version=NEW, to_digest="1" * 64, state="running",
            stages=tuple(stages), started_at=BEGIN, stage_since=BEGIN, waits_since=BEGIN, by="anna",
            rules="default/1", salt=ID, order=order_of(names, ID),
        )  # fmt: skip
        self.hour = _upto(self.fleet.count(180, 20.0, canary_mask(0), Version(), before=True), -1)
        self.served = np.zeros(DEVICES)

    def run(self, dt: float, longest: float, replays: int = 32) -> tuple[str, str, float, int]:
        """Verdict, rule, seconds, requests that the new version had. replays: inputs of a device before its swap."""
        replay = _upto(self.fleet.replay(replays, self.version), -1) if replays else None
        seconds, asked = 0.0, 0
        while seconds < longest:
            canary = canary_mask(len(canaries(self.rollout)))
            counts = self.fleet.count(int((longest - seconds) / dt) + 1, dt, canary, self.version)
            place = self.rollout.phase, self.rollout.stage
            for step in range(len(counts.requests)):
                seconds += dt
                self.now += timedelta(seconds=dt)
                self.served = np.where(canary, self.served + dt, 0.0)
                seen = self._fleet(_upto(counts, step), (step + 1) * dt, replay)
                asked += int(counts.requests[step][canary].sum())
                change = decide(self.rollout, TASK, seen, self.now, self.rules, EXPECTED)
                if change is None:
                    continue
                self.rollout = changed(self.rollout, change, self.now)
                if not self.rollout.is_open or (change.kind == "pause" and change.rule != INCONCLUSIVE):
                    return str(self.rollout.state), change.rule, seconds, asked
                if place != (self.rollout.phase, self.rollout.stage):
                    break
        return "none", "", seconds, asked

    def _fleet(self, sums: Counted, after: float, replay: Counted | None) -> dict[str, SeenDevice]:
        chosen = len(canaries(self.rollout))
        return {
            name: self._device(place, name, place < chosen, sums, after, replay)
            for place, name in enumerate(self.rollout.order)
        }

    def _device(
        self, place: int, name: str, new: bool, sums: Counted, after: float, replay: Counted | None
    ) -> SeenDevice:
        windows = [_window(WindowKind.LIVE, NEW if new else OLD, sums, place, self.rollout.stage, after)]
        if new:
            windows.append(_window(WindowKind.BEFORE, OLD, self.hour, place, self.rollout.stage, HOUR))
        if new and replay is not None:
            windows.append(_window(WindowKind.REPLAY, NEW, replay, place, 0, 1.0))
        version = NEW if new else OLD
        task = TaskReport(
            TASK, version, 1, version, "", State.SERVING, active_seconds=float(self.served[place]) if new else 9999.0,
            candidate_version="" if new else NEW, candidate_state=State.UNSPECIFIED if new else State.PREFETCHED,
        )  # fmt: skip
        report = DeviceReport(name, "boot", 1, "production", tasks=(task,), windows=tuple(windows), up_seconds=9999.0)
        return SeenDevice(name, True, (SeenProcess(report, 1.0),))


def _upto(counted: Counted, step: int) -> Counted:
    """Summed up to that step, which counts; by device."""
    end = step + 1 or None
    parts: list[Ints] = [
        part[:end].sum(axis=0)
        for part in (counted.requests, counted.errors, counted.over, counted.unknown, counted.scores)
    ]
    return Counted(*parts)


def _window(kind: WindowKind, version: str, sums: Counted, place: int, stage: int, seconds: float) -> Window:
    failed, answered = int(sums.errors[place]), int(sums.requests[place] - sums.errors[place])
    scores = tuple(int(count) for count in sums.scores[place])
    return Window(
        kind, TASK, version, ID, stage, seconds, answered, {"INTERNAL": failed}, int(sums.over[place]), answered,
        int(sums.unknown[place]), scores,
    )  # fmt: skip


def time_stops(runs: int, first: int) -> list[dict[str, object]]:
    """Bad versions: 2 canaries of 20 with 1 request a second each; first without replayed inputs, then with."""
    rows: list[dict[str, object]] = []
    for version in (*BAD, *OTHERS):
        for world in (CALM,):
            for replays in (0, 32):
                found = [
                    Simulated(world, version, [StageRecord(devices=2, bake_seconds=900.0)], seed, 1.0).run(
                        1.0, 200.0, replays
                    )
                    for seed in range(first, first + runs)
                ]
                ended = [
                    (verdict, rule, seconds, asked) for verdict, rule, seconds, asked in found if rule != "watched"
                ]
                times = [seconds for verdict, _, seconds, _ in ended if verdict in {"aborted", "paused"}]
                late = sorted([*times, *[np.inf] * (runs - len(times))])
                rules = Counter(rule for verdict, rule, _, _ in ended if verdict != "none")
                rows.append({
                    "version": version.name, "world": world.name, "replayed": replays, "runs": runs,
                    "stopped": len(times), "median_s": np.median(late), "p95_s": late[int(0.95 * (runs - 1))],
                    "requests_median": np.median([asked for *_, asked in found]), "rules": _told(rules),
                })  # fmt: skip
    return rows


def count_false_stops(runs: int, first: int) -> list[dict[str, object]]:
    """Good versions over 20 devices, by profile and world."""
    rows: list[dict[str, object]] = []
    for profile, dt, longest, some in (("fast", 3.0, 600.0, runs), ("careful", 60.0, 2 * HOUR, max(1, runs // 10))):
        for world in WORLDS:
            found = [
                Simulated(world, Version(), stages_of(profile), seed, 1.0).run(dt, longest)
                for seed in range(first, first + some)
            ]
            ended = Counter(verdict for verdict, *_ in found)
            stops = Counter(rule for verdict, rule, *_ in found if verdict == "aborted")
            pauses = Counter(rule for verdict, rule, *_ in found if verdict == "paused")
            rows.append({
                "profile": profile, "world": world.name, "rollouts": some, "succeeded": ended["succeeded"],
                "stopped": ended["aborted"], "stopped_share": round(ended["aborted"] / some, 4),
                "paused": ended["paused"], "paused_share": round(ended["paused"] / some, 4),
                "stopped_by": _told(stops), "paused_by": _told(pauses),
            })  # fmt: skip
    return rows


def _told(rules: Counter[str]) -> str:
    return "; ".join(f"{rule} {times}" for rule, times in rules.most_common())


def main() -> None:
    """Runs one part and writes its CSV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("methods", "stops", "false"))
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0, help="of the first run")
    chosen = parser.parse_args()
    if chosen.part == "methods":
        write_csv("rollout_evidence", compare_methods(chosen.runs, chosen.seed), PACKAGES)
    elif chosen.part == "stops":
        write_csv("rollout_stops", time_stops(chosen.runs, chosen.seed), PACKAGES)
    else:
        write_csv("rollout_false_stops", count_false_stops(chosen.runs, chosen.seed), PACKAGES)


if __name__ == "__main__":
    assert np.isclose(DRIFTED.sum(), 1.0)
    main()
