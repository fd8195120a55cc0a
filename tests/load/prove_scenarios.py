"""What a fleet is put through. Each scenario gives rows for the CSV, and raises where what must hold does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from prove_bundles import BOARDS, FAULTS, TASK, Fault, make_bundle
from prove_fleet import ENVIRONMENT, Fleet
from prove_lead import lead, now

Rows = Iterator[dict[str, object]]
FIRST = "1.0.0"


@dataclass(frozen=True, slots=True)
class Options:
    """folder: for stores, caches and logs. rate: requests a second of each device."""

    folder: Path
    site: Path
    devices: int
    rate: float
    runs: int
    bad_runs: int

    def fleet(self, registry_settings: Mapping[str, str] | None = None) -> Fleet:
        """One that is not started yet; on its last device arithmetic may be wrong."""
        boards = lambda number: BOARDS if number == self.devices else {}  # noqa: E731
        return Fleet(self.folder, self.site, self.devices, self.rate, registry_settings, boards)


def publish(fleet: Fleet, version: str, fault: Fault | None = None) -> str:
    """Makes a bundle and gives it to the registry; gives the version."""
    fleet.client.publish(make_bundle(fleet.folder, version, fault).path)
    return version


def begin(fleet: Fleet) -> None:
    """Every device answers with the first version."""
    fleet.client.promote(TASK, publish(fleet, FIRST), ENVIRONMENT, "prove")
    fleet.start_devices(FIRST)


def promote_now(options: Options) -> Rows:
    """A good version that goes everywhere at once."""
    with options.fleet() as fleet:
        begin(fleet)
        for run in range(1, options.runs + 1):
            outcome = now(fleet, publish(fleet, f"2.0.{run}"))
            assert outcome.failed == 0, f"{outcome.failed} requests failed"
            yield outcome.row("now", run, options.devices)


def promote_fast(options: Options) -> Rows:
    """A good version that goes to one device, to some, to all."""
    with options.fleet() as fleet:
        begin(fleet)
        fleet.client.promote(TASK, publish(fleet, "1.1.0"), ENVIRONMENT, "prove")
        fleet.wait_until(lambda: fleet.all_serve("1.1.0"), 60, "not all serve 1.1.0")
        for run in range(1, options.runs + 1):
            outcome = lead(fleet, publish(fleet, f"2.0.{run}"))
            assert (outcome.ended, outcome.failed) == ("all serve", 0), f"{outcome}"
            yield outcome.row("fast", run, options.devices)


def bad_bundles(options: Options) -> Rows:
    """One for each way to be bad."""
    with options.fleet() as fleet:
        begin(fleet)
        for number, (name, fault) in enumerate(FAULTS.items(), start=3):
            for run in range(1, options.bad_runs + 1):
                outcome = lead(fleet, publish(fleet, f"{number}.0.{run}", fault))
                yield outcome.row(name, run, options.devices)


SCENARIOS: dict[str, Callable[[Options], Rows]] = {
    "now": promote_now,
    "fast": promote_fast,
    "bad": bad_bundles,
}
