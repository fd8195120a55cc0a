"""How much memory there is for a candidate, and how a process is kept within it.

What counts is memory that nobody else can have: anonymous pages. A file that is mapped, and the libraries that the
server has loaded too, cost nothing that the system could not take back.
"""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1 << 20
_SHARE = 0.75
"""Of all memory, that a candidate may take at most where no setting says otherwise."""
_FREE_SHARE = 0.9
"""Of the memory that is free now: the server that answers meanwhile needs some too."""
_SPARE_SHARE = 0.1
_MOST_SPARE = 512 * MEBIBYTE
"""Of all memory, that should stay free beside what is merely kept for later; and no more than so many bytes."""
_SLACK = 512 * MEBIBYTE
"""What a process may reserve beyond what it may use: stacks of threads, and what allocators keep in hand."""
_CGROUP = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")
_MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """bytes: of anonymous memory. why: what the limit comes from, for people.

    passing: it is what happens to be free now, and may be more another time.
    """

    bytes: int
    why: str
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one proof. memory_bytes: 0 for what `memory_limit` finds. seconds: of wall-clock time."""

    seconds: float = 300.0
    memory_bytes: int = 0


def memory_limit(wanted: int = 0) -> MemoryLimit:
    """What a candidate may use. wanted: bytes that a setting names; 0: three quarters of all memory.

    Never more than nine tenths of what is free now. "All" is the container's where it has a limit.
    """
    total, free = memory_there_is()
    ceiling = wanted or int(total * _SHARE)
    why = "the limit that PIPIT_SERVING_PROVE_MIB sets" if wanted else "three quarters of the memory there is"
    if not total:
        return MemoryLimit(wanted, why)
    left = int(free * _FREE_SHARE)
    if left < ceiling:
        return MemoryLimit(left, "what was free here at that time", passing=True)
    return MemoryLimit(ceiling, why)


def memory_there_is() -> tuple[int, int]:
    """Bytes of all memory, and of what is free, of this machine or container; (0, 0) where nobody says."""
    try:
        lines = (line.split() for line in _MEMINFO.read_text().splitlines())
        fields = {line[0]: int(line[1]) * 1024 for line in lines if len(line) > 1}
        total, free = fields["MemTotal:"], fields["MemAvailable:"]
    except (OSError, KeyError, ValueError):
        return 0, 0
    container = _container()
    if container is None:
        return total, free
    limit, used = container
    return min(total, limit), max(0, min(free, limit - used))


def machine_memory() -> int:
    """Bytes that the machine has, whatever a container may use of it."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def memory_is_short(needed: int = 0) -> bool:
    """Whether so little is free that nothing should be kept loaded that does not answer.

    needed: bytes that are yet to be taken.
    """
    total, free = memory_there_is()
    return bool(total) and free - needed < min(int(total * _SPARE_SHARE), _MOST_SPARE)


def _container() -> tuple[int, int] | None:
    """Limit and use of this process's control group (version 2), in bytes; None where it has no limit."""
    try:
        group = _CGROUP / _OWN_GROUP.read_text().strip().removeprefix("0::").lstrip("/")
        limit = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        # What files fill is taken back when somebody needs it.
        return limit, used - int(stat["inactive_file"]) - int(stat["active_file"])
    except (OSError, KeyError, ValueError):
        return None


def memory_of(pid: int) -> int:
    """Bytes of anonymous memory that a process uses; 0 once it has ended."""
    with suppress(OSError, ValueError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("RssAnon:", "RssShmem:")))
    return 0


def restrict_this_process(memory_bytes: int, seconds: float) -> None:
    """Ends this process, by itself, where nobody watches it; and has the system end it before others.

    memory_bytes: 0 for no limit. seconds: of all processors together.
    """
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_CPU, int(seconds) + 1)
    if memory_bytes:
        # Not the address space, of which runtimes reserve gigabytes that they never use.
        _lower(resource.RLIMIT_DATA, memory_bytes + _SLACK)
    end_before_others()


def end_before_others() -> None:
    """Has the system end this process first where memory runs out."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _lower(kind: int, limit: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    # The hard limit stays: what it is for processor time kills without a name.
    resource.setrlimit(kind, (limit, hard))
