"""How many threads a training takes.

A step of a network ends when the last of its threads does. Where other work holds the second core, every step waits
until the system gives that thread a turn, and two threads are slower than one. So a training takes the cores that are
idle when an epoch begins, which may be more or fewer than when it started.

How many threads share a sum decides in which order it is added up, and so its last digits. Whoever wants the same
weights to the last digit sets `OMP_NUM_THREADS=1`.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from pipit.machine import processors

SAMPLE_SECONDS = 0.2
"""Long enough for twenty ticks of the kernel's clock; short beside an epoch that more than one thread helps."""
_STAT = Path("/proc/stat")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def allowed_processors(quota: Path = _QUOTA) -> int:
    """Cores that this process may use: its affinity, a container's quota rounded down, OpenMP's limit; at least 1.

    OpenMP's limit is the first number of `OMP_NUM_THREADS`
    (https://www.openmp.org/spec-html/5.1/openmpse59.html).
    """
    cores = processors()
    # No container, or one without a limit, which says "max".
    with suppress(OSError, ValueError):
        limit, period = quota.read_text().split()
        cores = min(cores, int(limit) // int(period))
    with suppress(KeyError, ValueError):
        cores = min(cores, int(os.environ["OMP_NUM_THREADS"].split(",")[0]))
    return max(1, cores)


def idle_share(before: str, after: str) -> float | None:
    """Of all cores, 0..1, between two readings of `/proc/stat` (proc(5)); None if no tick lies between them."""
    first, second = _ticks(before), _ticks(after)
    total = sum(second) - sum(first)
    # The fourth and fifth columns: idle, and idle while a disk is waited for.
    return (sum(second[3:5]) - sum(first[3:5])) / total if total > 0 else None


def idle_processors(seconds: float = SAMPLE_SECONDS, stat: Path = _STAT) -> int:
    """Cores that nobody uses just now, rounded, of those that are allowed; at least 1.

    To be asked while this process itself does nothing; it waits `seconds`. Where the system does not say, all that are
    allowed.
    """
    allowed = allowed_processors()
    if allowed == 1:
        return 1
    try:
        before = stat.read_text()
        time.sleep(seconds)
        share = idle_share(before, stat.read_text())
    except OSError:
        return allowed
    if share is None:
        return allowed
    return min(allowed, max(1, round(share * (os.cpu_count() or 1))))


def _ticks(stat: str) -> list[int]:
    """Of the line for all cores: user, nice, system, idle, iowait, irq, softirq, steal."""
    return [int(value) for value in stat.partition("\n")[0].split()[1:9]]
