"""What every benchmark shares: the machine it ran on, side-by-side timing, and the CSV it leaves."""

from __future__ import annotations

import csv
import os
import platform
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

MEASURED = Path(__file__).parents[2] / "docs/measured"
PACKAGES = ("grpcio", "numpy", "ai-edge-litert")


def hardware() -> str:
    """Processor, cores and memory, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
    ]
    name = names[0] if names else platform.processor() or platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{name}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}"


def write_csv(
    name: str, rows: Sequence[Mapping[str, object]], packages: Sequence[str] = PACKAGES, quiet: bool = False
) -> Path:
    """Writes `docs/measured/<name>.csv`: comment lines that say where the rows come from, then the rows.

    packages: whose versions matter. quiet: print nothing.
    """
    MEASURED.mkdir(parents=True, exist_ok=True)
    path = MEASURED / f"{name}.csv"
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    # Of what lies elsewhere on this machine, the name is enough for anybody else.
    arguments = [Path(each).name if Path(each).is_absolute() else each for each in sys.argv[1:]]
    with path.open("w", newline="") as file:
        file.write(
            f"# {datetime.now(UTC):%Y-%m-%d}: python {Path(sys.argv[0]).name} {shlex.join(arguments)}".rstrip() + "\n"
        )
        file.write(f"# {hardware()}; Python {platform.python_version()}, {versions}\n")
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    if not quiet:
        print(path.read_text())  # noqa: T201
    return path


def timed(call: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    begun = perf_counter()
    call()
    return perf_counter() - begun


def side_by_side(
    calls: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 5
) -> dict[str, NDArray[np.float64]]:
    """Times several ways to do the same thing in turn, so that a busy machine slows all of them alike.

    Gives seconds, shape (rounds,), by name.
    """
    for call in calls.values():
        for _ in range(warm_up):
            call()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            seconds[name].append(timed(call))
    return {name: np.array(values) for name, values in seconds.items()}


def milliseconds(seconds: NDArray[np.float64], percentile: float) -> float:
    """A percentile, in milliseconds, to 3 digits behind the point."""
    return round(float(np.percentile(seconds, percentile)) * 1e3, 3)
