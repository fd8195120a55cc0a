"""Devices as they were last seen, put together from what the copies of the registry heard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pipit.fleet import DeviceReport, State, TaskReport

ONLINE_SECONDS = 90.0
"""Three quiet reports."""
_SPOKE_SECONDS = 20.0
"""A little more than the longest pause between two reports while a rollout is open."""
_LEFT_BEHIND_SECONDS = 300.0
"""A process that is silent for so long while others of its device speak is there no more."""
_WORST_FIRST = (State.REFUSED, State.ROLLING_BACK, State.LOADING, State.SERVING)


@dataclass(frozen=True, slots=True)
class Heard:
    """A report, and the last one of the boot before. at, before_at: when they came, in seconds of one clock.

    unheard: of the time since then, for how long nobody could know here: another copy has said nothing of its devices
    since, and it is for that copy to find one of them silent.
    """

    report: DeviceReport
    at: float
    before: DeviceReport | None = None
    before_at: float = 0.0
    unheard: float = 0.0

    def is_newer(self, other: Heard) -> bool:
        """Within one boot the higher number counts, else the later one."""
        if self.report.boot_id == other.report.boot_id:
            return self.report.sequence > other.report.sequence
        return self.at > other.at


@dataclass(frozen=True, slots=True)
class Watched:
    """What a device watches, or did. at: when it was last known to. streams: that are open."""

    environment: str
    tasks: frozenset[str]
    at: float
    streams: int


@dataclass(frozen=True, slots=True)
class Seen:
    """One device. at: when it was last seen, in seconds of the clock that everything here goes by.

    heard: of each process that is there, by number. watching: whether a watch is open.
    """

    device_id: str
    environment: str
    at: float
    watching: bool
    tasks: frozenset[str]
    heard: tuple[Heard, ...] = field(default=())

    def is_online(self, now: float) -> bool:
        """It watches, or reported of late."""
        return self.watching or now - self.at < ONLINE_SECONDS

    def is_there(self, now: float) -> bool:
        """It can be told something: it watches, or spoke a moment ago."""
        return self.watching or any(now - one.at < _SPOKE_SECONDS for one in self.heard)

    def task_reports(self) -> tuple[TaskReport, ...]:
        """One for each task, by name: of several processes the one that is worst off."""
        found: dict[str, TaskReport] = {}
        for heard in self.heard:
            for told in heard.report.tasks:
                known = found.get(told.task)
                if known is None or _rank(told) < _rank(known):
                    found[told.task] = told
        return tuple(found[task] for task in sorted(found))


def _rank(told: TaskReport) -> int:
    return _WORST_FIRST.index(told.state) if told.state in _WORST_FIRST else len(_WORST_FIRST)


def merged(
    heard: Iterable[tuple[tuple[str, int], Heard]],
    watched: Iterable[tuple[str, Watched]],
    now: float,
    longest: float,
) -> dict[str, Seen]:
    """Devices by id, without what is older than `longest` seconds."""
    reports: dict[str, dict[int, Heard]] = defaultdict(dict)
    for (device_id, process), one in heard:
        if now - one.at < longest:
            known = reports[device_id].get(process)
            reports[device_id][process] = one if known is None else _together(one, known)
    watches: dict[str, list[Watched]] = defaultdict(list)
    for device_id, watch in watched:
        if watch.streams or now - watch.at < longest:
            watches[device_id].append(watch)
    return {
        device_id: _seen(device_id, reports.get(device_id, {}), watches.get(device_id, []), now)
        for device_id in sorted(reports.keys() | watches.keys())
    }


def _together(one: Heard, other: Heard) -> Heard:
    """The newer one, with what is known of the boot before it."""
    newer, older = (one, other) if one.is_newer(other) else (other, one)
    if newer.report.boot_id == older.report.boot_id:
        known = [(each.before, each.before_at) for each in (newer, older) if each.before is not None]
    else:
        known = [(older.report, older.at)]
        if newer.before is not None:
            known.append((newer.before, newer.before_at))
    if not known:
        return newer
    before, at = max(known, key=lambda pair: pair[1])
    return replace(newer, before=before, before_at=at)


def _seen(device_id: str, reports: Mapping[int, Heard], watches: list[Watched], now: float) -> Seen:
    heard = [reports[process] for process in sorted(reports)]
    latest = max((one.at for one in heard), default=-float("inf"))
    there = tuple(one for one in heard if latest - one.at < _LEFT_BEHIND_SECONDS)
    watching = any(watch.streams for watch in watches)
    # A watch that is open says where it is now.
    where = [(now if watch.streams else watch.at, watch.environment) for watch in watches]
    where += [(one.at, one.report.environment) for one in there]
    at, environment = max(where)
    tasks = {task for watch in watches for task in watch.tasks}
    tasks |= {told.task for one in there for told in one.report.tasks}
    return Seen(device_id, environment, at, watching, frozenset(tasks), there)
