"""What scenarios share: how a fleet is made, and what it begins with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from prove_bundles import BOARDS, TASK, Fault
from prove_fleet import Fleet
from prove_processes import ENVIRONMENT

Rows = Iterator[dict[str, object]]
FIRST = "1.0.0"
NO_SETTINGS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Options:
    """folder: for stores, caches and logs. rate: requests a second of each device. runs: of what has percentiles."""

    folder: Path
    site: Path
    devices: int
    rate: float
    runs: int
    bad_runs: int

    def fleet(
        self,
        registry: Mapping[str, str] = NO_SETTINGS,
        devices: Callable[[int], Mapping[str, str]] | None = None,
        name: str = "fleet",
        token: str | None = None,
    ) -> Fleet:
        """One that is not started yet. On its last device arithmetic may be wrong.

        registry, devices: further variables of them, the latter by number. name: of its folder.
        token: of an operator and publisher, where callers need one.
        """
        boards = lambda number: BOARDS if number == self.devices else {}  # noqa: E731
        folder = self.folder / name
        folder.mkdir()
        return Fleet(folder, self.site, self.devices, self.rate, registry, devices or boards, token)


def publish(fleet: Fleet, version: str, fault: Fault | None = None) -> str:
    """Makes a bundle and gives it to the registry; gives the version."""
    fleet.publish(version, fault)
    return version


def begin(fleet: Fleet, answers: int = 35, rate: float | None = None) -> None:
    """Every device answers with the first version. rate: None: the fleet's own.

    answers: that each device has given when it returns; as on any day, there are inputs to try a version on.
    """
    fleet.client.promote(TASK, publish(fleet, FIRST), ENVIRONMENT, "prove")
    fleet.start_devices(FIRST, rate)
    fleet.wait_for_answers(answers)
