"""What a device says of how its versions answer: windows, made of differences between two readings of `counts`.

    hour before ──the rollout reaches this device──> kept as it is (BEFORE)
    stage begins ────────────────────────────────now (LIVE, of each version that answered meanwhile)
    replay, shadow: counts of their own, until another rollout comes

A stage or a rollout that changes begins anew, so that whoever reads the reports needs no earlier ones.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING

from pipit.fleet import Window, WindowKind
from pipit.serving.counts import Counts, TaskCounts, Totals

if TYPE_CHECKING:
    from pipit.registry.types import Assignment

HOUR = 3600.0
"""Seconds before a rollout that count as what a version did before."""
STEP = 300.0
"""Seconds between two readings that are kept for that."""
MOST_LABELS = 100
"""Of a window, those that were said most often: a report is to stay small, also of a task with thousands."""
_MOST_VERSIONS = 3
"""That are kept although they have said nothing for an hour."""
_NONE = Totals()


@dataclass(frozen=True, slots=True)
class _Reading:
    at: float
    totals: dict[str, Totals]
    """By version."""


@dataclass(frozen=True, slots=True)
class _Apart:
    """Counts that are shown as they are, from a reading of them on."""

    version: str
    counts: Counts
    since: float
    base: Totals


class TaskTally:
    """The windows of one task. Threads share it."""

    def __init__(self, task: str, counts: TaskCounts, clock: Callable[[], float] = monotonic) -> None:
        """clock: seconds that only grow."""
        self.task = task
        self.counts = counts
        self._clock = clock
        self._lock = threading.Lock()
        self._rollout, self._stage = "", 0
        self._base = _Reading(clock(), {})
        self._past = deque((self._base,))
        self._before: Window | None = None
        self._reached = False
        self._apart: dict[WindowKind, _Apart] = {}

    @property
    def place(self) -> tuple[str, int]:
        """The rollout that this device takes part in, and its stage; ("", 0): none."""
        with self._lock:
            return self._rollout, self._stage

    def assigned(self, assignment: Assignment) -> None:
        """Begins anew where the rollout or its stage is another one."""
        with self._lock:
            if assignment.rollout != self._rollout:
                self._before, self._reached, self._apart = None, False, self._going_on(assignment)
            if (assignment.rollout, assignment.stage) != (self._rollout, self._stage):
                self._rollout, self._stage = assignment.rollout, assignment.stage
                self._base = self._read()
            if self._rollout and assignment.candidate is None and not self._reached:
                self._reached = True
                self._before = None if assignment.standby is None else self._last_hour(assignment.standby.version)

    def count_apart(self, kind: WindowKind, version: str, counts: Counts) -> None:
        """From now on shows these counts as the window of that kind, until another rollout comes.

        A replay was counted already; a shadow counts from now on, or goes on where it counted in this rollout before.
        """
        with self._lock:
            known = self._apart.get(kind)
            if known is None or known.counts is not counts:
                base = counts.totals() if kind is WindowKind.SHADOW else _NONE
                self._apart[kind] = _Apart(version, counts, self._clock(), base)

    def _going_on(self, assignment: Assignment) -> dict[WindowKind, _Apart]:
        """What counts in the next rollout, too, and begins anew with it: the same candidate stays in the shadow."""
        shadow, candidate = self._apart.get(WindowKind.SHADOW), assignment.candidate
        if shadow is None or not assignment.shadow or candidate is None or candidate.version != shadow.version:
            return {}
        return {WindowKind.SHADOW: replace(shadow, since=self._clock(), base=shadow.counts.totals())}

    def windows(self) -> tuple[Window, ...]:
        """What there is to say now."""
        with self._lock:
            now = self._read()
            live = [self._live(version, now) for version in now.totals]
            before = [] if self._before is None else [replace(self._before, stage=self._stage)]
            apart = [
                self._window(kind, one.version, one.counts.totals().since(one.base), now.at - one.since)
                for kind, one in self._apart.items()
            ]
            self._keep(now)
        return (*(window for window in live if window is not None), *before, *apart)

    def _read(self) -> _Reading:
        versions = self.counts.versions().items()
        return _Reading(self._clock(), {version: counts.totals() for version, counts in versions})

    def _live(self, version: str, now: _Reading) -> Window | None:
        """None for a version that did nothing since the stage began."""
        totals = _between(version, self._base, now)
        return self._window(WindowKind.LIVE, version, totals, now.at - self._base.at) if totals else None

    def _last_hour(self, version: str) -> Window | None:
        now = self._read()
        self._keep(now)
        totals = _between(version, self._past[0], now)
        return self._window(WindowKind.BEFORE, version, totals, now.at - self._past[0].at) if totals else None

    def _window(self, kind: WindowKind, version: str, totals: Totals, seconds: float) -> Window:
        counted = totals.as_fields() | {"label_counts": _most_said(totals.label_counts)}
        return Window(kind, self.task, version, self._rollout, self._stage, seconds, **counted)

    def _keep(self, now: _Reading) -> None:
        """Keeps a reading now and then, for an hour; and forgets versions that have said nothing in all of it."""
        while len(self._past) > 1 and now.at - self._past[0].at > HOUR:
            self._past.popleft()
        if now.at - self._past[-1].at < STEP:
            return
        self._past.append(now)
        idle = [version for version in now.totals if not any(_between(version, then, now) for then in self._kept())]
        for version in idle[: max(0, len(now.totals) - _MOST_VERSIONS)]:
            self.counts.forget(version)
            for reading in self._kept():
                reading.totals.pop(version, None)

    def _kept(self) -> tuple[_Reading, ...]:
        return self._base, *self._past


def _most_said(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: -pair[1])[:MOST_LABELS])


def _between(version: str, then: _Reading, now: _Reading) -> Totals:
    return now.totals.get(version, _NONE).since(then.totals.get(version, _NONE))
