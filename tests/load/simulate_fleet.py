"""A fleet of any size in one process: how long a version takes to reach it, and what that asks of the registry.

The registry's own code runs, on a clock that jumps from one event to the next, over a real store whose operations are
counted. The devices are small state machines that fetch, swap, answer requests and report as real ones do; nothing goes
over a network. So seconds here are those of the fleet, and processor seconds those that this machine took for the
registry's part. What a copy's network carries is measured by `bench_watchers.py`.

    python tests/load/simulate_fleet.py --devices 20 200                    one good version, profile fast
    python tests/load/simulate_fleet.py --devices 2000/3                    over three copies of the registry
    python tests/load/simulate_fleet.py --devices 200 --version errors20    a version of which 20 % of requests fail
    PIPIT_TEST_S3_ENDPOINT=localhost:9000 python tests/load/simulate_fleet.py --devices 20 --s3
"""

from __future__ import annotations

import argparse
import os
import resource
import secrets
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from time import process_time

from bench_watchers import ENVIRONMENT, TASK, bundle
from measure import write_csv
from model_registry import layout
from model_registry.fleet.rollouts import Wish
from model_registry.pointer import Pointer
from model_registry.rollouts.order import canaries
from model_registry.server import RegistryServer, open_store
from model_registry.settings import RegistrySettings
from pipit.logging import configure_logging
from pipit.registry import RegistryClient
from simulated_devices import Behaviour, Pace, SimulatedDevice
from simulated_registry import CountedStore, Replica, VirtualAgenda

OLD, NEW = "1.0.0", "1.1.0"
_SETTLING = 60.0
_QUIET = 60.0
_AFTERWARDS = 300.0
_LONGEST = 4 * 3600.0
_LOOK = 0.5
_SIZES = ["20", "200", "2000", "2000/3", "10000/5"]
VERSIONS = {
    "good": Behaviour(),
    "flawless": Behaviour(errors=0.0, over_budget=0.0),
    "errors100": Behaviour(errors=1.0),
    "errors20": Behaviour(errors=0.2),
    "errors5": Behaviour(errors=0.05),
    "slow": Behaviour(over_budget=0.6),
    "drifted": Behaviour(scores=(0.1,) * 10),
    "unknown": Behaviour(unknown=0.3),
    "golden": Behaviour(refused_step="golden"),
    "dies": Behaviour(dies_after=3.0),
}


@dataclass
class Simulated:
    """A fleet on its copies of the registry."""

    agenda: VirtualAgenda
    store: CountedStore
    copies: list[Replica]
    devices: list[SimulatedDevice]
    over_share: int = 0
    """Devices beyond the stage's share, at most, whenever it was looked."""
    looks: int = 0

    @property
    def pointer(self) -> Pointer:
        """What stands in the store, which is not counted."""
        key = layout.environment(TASK, ENVIRONMENT)
        return Pointer.model_validate_json(self.store.uncounted.read(key).data)

    def serving(self, version: str) -> int:
        """How many devices answer with it."""
        return sum(device.active == version for device in self.devices)

    def look(self) -> None:
        """At how many serve the new version while a rollout is open."""
        rollout = self.pointer.rollout
        if rollout is not None:
            self.looks += 1
            self.over_share = max(self.over_share, self.serving(NEW) - len(canaries(rollout)))

    def spent(self) -> Counter[str]:
        """Processor seconds of all copies, by part."""
        return sum((copy.spent for copy in self.copies), Counter())


@dataclass
class Span:
    """What the registry did in a part of the time."""

    seconds: float
    reports: int
    busiest: int
    """Reports in the second that had most."""
    messages: int
    reads: int
    lists: int
    writes: int
    read_bytes: int
    written_bytes: int
    spent: Counter[str]


class Meter:
    """Measures from one moment to the next."""

    def __init__(self, fleet: Simulated) -> None:
        self._fleet = fleet
        self._begin()

    def _begin(self) -> None:
        fleet = self._fleet
        self._at = fleet.agenda.time()
        self._spent = Counter(fleet.spent())
        self._operations, self._bytes = Counter(fleet.store.operations), Counter(fleet.store.bytes)
        self._messages = sum(copy.messages for copy in fleet.copies)
        for copy in fleet.copies:
            copy.reports.clear()

    def stop(self) -> Span:
        """And begins anew."""
        fleet = self._fleet
        operations = _by_operation(fleet.store.operations - self._operations)
        moved = _by_operation(fleet.store.bytes - self._bytes)
        reports = [at for copy in fleet.copies for at in copy.reports]
        busiest = max(Counter(int(at) for at in reports).values(), default=0)
        span = Span(
            fleet.agenda.time() - self._at,
            len(reports),
            busiest,
            sum(copy.messages for copy in fleet.copies) - self._messages,
            operations["read"],
            operations["list"],
            operations["write"],
            moved["read"],
            moved["write"],
            fleet.spent() - self._spent,
        )
        self._begin()
        return span


def _by_operation(counts: Counter[tuple[str, str]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for (operation, _), count in counts.items():
        found[operation] += count
    return found


def settle(
    settings: RegistrySettings, devices: int, copies: int, new: Behaviour, folder: Path, *, pace: Pace, seed: int
) -> Simulated:
    """Everybody serves the version before, and has said so."""
    publish(settings, folder)
    agenda, store = VirtualAgenda(), CountedStore(open_store(settings))
    registry = [Replica(f"copy-{number}", store, agenda, TASK, ENVIRONMENT, settings) for number in range(copies)]
    registry[0].environments.promote(TASK, OLD, ENVIRONMENT, "simulation")
    fleet = Simulated(agenda, store, registry, [])
    behaviours = {OLD: Behaviour(), NEW: new}
    for number in range(devices):
        copy = registry[number % copies]
        device = SimulatedDevice(
            f"pi-{number}", ENVIRONMENT, TASK, behaviours, agenda, copy.hear, seed * 1_000_003 + number, pace
        )
        copy.attach(device)
        fleet.devices.append(device)
    agenda.run(lambda: fleet.serving(OLD) == devices, _AFTERWARDS)
    agenda.run(lambda: False, _SETTLING)
    return fleet


def publish(settings: RegistrySettings, folder: Path) -> None:
    """Both versions, as anybody would."""
    server = RegistryServer(settings)
    server.start()
    with RegistryClient(f"127.0.0.1:{server.port}") as client:
        for version in (OLD, NEW):
            client.publish(bundle(folder, version).path)
    server.stop(0)


def roll_out(fleet: Simulated, profile: str, limit: float = _LONGEST) -> tuple[str, float, float]:
    """Leads the fleet to the new version. Gives how that ended, after how long, and when all were right."""
    agenda, begun = fleet.agenda, fleet.agenda.time()
    started = fleet.copies[0].fleet.rollouts.start(Wish(TASK, NEW, ENVIRONMENT, profile=profile), "simulation")
    state = "now" if started.moved_at_once else ""
    looked = begun

    def over() -> bool:
        nonlocal looked, state
        if agenda.time() - looked >= _LOOK:
            looked = agenda.time()
            fleet.look()
            pointer = fleet.pointer
            if pointer.rollout is None and pointer.last_rollout is not None:
                state = pointer.last_rollout.state
            elif pointer.rollout is not None and pointer.rollout.state == "paused":
                state = "paused"
        return bool(state)

    if not state:
        agenda.run(over, limit)
    decided = agenda.time() - begun
    wanted = NEW if state in {"succeeded", "now"} else OLD
    if state != "paused":
        agenda.run(lambda: fleet.serving(wanted) == len(fleet.devices), _AFTERWARDS)
    return state or "open", decided, agenda.time() - begun


def simulate(
    settings: RegistrySettings,
    folder: Path,
    devices: int,
    copies: int,
    profile: str,
    version: str,
    pace: Pace,
    seed: int,
) -> dict[str, object]:
    """One row."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = process_time()
    fleet = settle(settings, devices, copies, VERSIONS[version], folder, pace=pace, seed=seed)
    meter = Meter(fleet)
    fleet.agenda.run(lambda: False, _QUIET)
    quiet = meter.stop()
    at = fleet.agenda.time()
    state, decided, settled = roll_out(fleet, profile)
    busy = meter.stop()
    swaps = [moment for device in fleet.devices for moment, swapped in device.swaps if swapped == NEW and moment >= at]
    last = fleet.pointer.last_rollout or fleet.pointer.rollout
    verdict = last.verdict if last is not None else None
    asked = sum(device.requests.get(NEW, 0) for device in fleet.devices)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "devices": devices,
        "copies": copies,
        "profile": profile,
        "version": version,
        "seed": seed,
        "ended": state,
        "rule": verdict.rule if verdict is not None else "",
        "decided after s": round(decided, 1),
        "all as they should after s": round(settled, 1),
        "first swap after s": round(min(swaps) - at, 1) if swaps else "",
        "devices reached": sum(any(swapped == NEW for _, swapped in device.swaps) for device in fleet.devices),
        "requests to it": asked,
        "over the share": fleet.over_share,
        **{f"quiet: {name}": value for name, value in _told(quiet).items()},
        **{f"rollout: {name}": value for name, value in _told(busy).items()},
        "pointer kB": round(len(fleet.pointer.to_bytes()) / 1000, 1),
        "sheets kB": round(_sheets(fleet) / 1000, 1),
        "memory MiB": round(memory / 1024),
        "processor s": round(process_time() - begun, 1),
    }


def _told(span: Span) -> dict[str, object]:
    """As columns."""
    seconds = max(span.seconds, 1e-9)
    return {
        "reports a s": round(span.reports / seconds, 1),
        "reports, busiest s": span.busiest,
        "messages": span.messages,
        "store reads a s": round(span.reads / seconds, 2),
        "lists a s": round(span.lists / seconds, 2),
        "writes a s": round(span.writes / seconds, 2),
        "kB read a s": round(span.read_bytes / seconds / 1000, 1),
        "kB written a s": round(span.written_bytes / seconds / 1000, 1),
        "cores": round(span.spent.total() / seconds, 3),
        **{f"of these {part}": round(span.spent[part] / seconds, 3) for part in ("reports", "keeper", "watches")},
    }


def _sheets(fleet: Simulated) -> int:
    store = fleet.store.uncounted
    return sum(len(store.read(key).data) for key in store.list(layout.FLEET))


def main() -> None:
    """Simulates, and with --csv writes docs/measured/NAME.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--devices", nargs="+", default=_SIZES, help=f"sizes of fleets, each over so many copies ({' '.join(_SIZES)})")
    add("--profile", nargs="+", default=["fast"], help="fast, careful, ab or now (fast)")
    add("--version", nargs="+", default=["good"], choices=list(VERSIONS), help="how the new version does (good)")
    add("--jobs", type=int, default=2, help="simulations at once (2)")
    add("--requests", type=float, default=1.0, help="a second, on each device (1)")
    add("--runs", type=int, default=1, help="of each, with another seed (1)")
    add("--s3", action="store_true", help="over the S3 server of PIPIT_TEST_S3_ENDPOINT, in a bucket of its own")
    add("--csv", default="", help="name of the file under docs/measured; without it, rows are only printed")
    chosen = parser.parse_args()
    pace = Pace(requests=chosen.requests)
    rows = []
    # A process for each, so that memory is told apart.
    with ProcessPoolExecutor(chosen.jobs, get_context("spawn"), max_tasks_per_child=1) as processes:
        waiting = [
            processes.submit(_in_a_folder, fleet, profile, version, pace, seed, chosen.s3)
            for fleet, profile, version, seed in product(
                chosen.devices, chosen.profile, chosen.version, range(chosen.runs)
            )
        ]
        for row in waiting:
            rows.append(row.result())
            for name, value in rows[-1].items():
                print(f"{name:>32}  {value}")  # noqa: T201
            print(flush=True)  # noqa: T201
    if chosen.csv:
        write_csv(chosen.csv, rows, ("pydantic", "grpcio"))


def _in_a_folder(fleet: str, profile: str, version: str, pace: Pace, seed: int, s3: bool) -> dict[str, object]:
    configure_logging("WARNING")
    devices, _, copies = fleet.partition("/")
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_of(Path(folder) / "store", s3=s3)
        return simulate(settings, Path(folder), int(devices), int(copies or 1), profile, version, pace=pace, seed=seed)


def settings_of(store: Path, *, s3: bool) -> RegistrySettings:
    """Of a copy on that folder, or on an S3 server."""
    given: dict[str, object] = {"store": store, "host": "127.0.0.1", "port": 0, "metrics_port": 0, "max_devices": 10**6}
    if s3:
        given |= {
            "minio_endpoint": os.environ["PIPIT_TEST_S3_ENDPOINT"],
            "minio_access_key": os.environ.get("PIPIT_TEST_S3_ACCESS_KEY", "test"),
            "minio_secret_key": os.environ.get("PIPIT_TEST_S3_SECRET_KEY", "test"),
            "minio_secure": False,
            "minio_bucket": f"simulation-{secrets.token_hex(4)}",
        }
    return RegistrySettings.model_validate(given)


if __name__ == "__main__":
    main()
