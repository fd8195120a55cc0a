"""What the rules see of the devices: their latest reports, as the registry received them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipit.fleet.types import DeviceReport, State, TaskReport, Window, WindowKind


@dataclass(frozen=True, slots=True)
class SeenProcess:
    """The latest report of one process of a device. seconds: since it was received.

    before: the last report of the boot before this one, if it is known. before_seconds: since that was received.
    """

    report: DeviceReport
    seconds: float
    before: DeviceReport | None = None
    before_seconds: float = 0.0

    @property
    def age(self) -> float:
        """Seconds since the process began."""
        return self.report.up_seconds + self.seconds


@dataclass(frozen=True, slots=True)
class SeenDevice:
    """A device of the environment. online: it watches now, or spoke a moment ago. pinned: tasks that it has a pin for.

    processes: those whose latest report is at most a day old; none: it watches, and has never reported.
    """

    device_id: str
    online: bool
    processes: tuple[SeenProcess, ...] = ()
    pinned: frozenset[str] = frozenset()

    @property
    def seconds(self) -> float:
        """Since its last report; infinite: there is none."""
        return min((process.seconds for process in self.processes), default=float("inf"))

    def serving(self, task: str) -> tuple[tuple[SeenProcess, TaskReport], ...]:
        """Its processes that have this task, the one that was heard last first."""
        found = [(process, told) for process in self.processes for told in process.report.tasks if told.task == task]
        return tuple(sorted(found, key=lambda pair: pair[0].seconds))

    def windows(self, task: str, kind: WindowKind, version: str, rollout: str) -> tuple[Window, ...]:
        """What it counted of one version, for one rollout; of all stages."""
        return tuple(
            window
            for process in self.processes
            for window in process.report.windows
            if (window.task, window.kind, window.version, window.rollout) == (task, kind, version, rollout)
        )


Fleet = Mapping[str, SeenDevice]
"""The devices of one environment that were seen in the last day, by id; pinned ones too."""


def runs(told: TaskReport, version: str) -> bool:
    """Whether that version answers there."""
    return told.active_version == version and told.state == State.SERVING
