"""One load on one server: h2load (Debian: nghttp2-client) calls, and /proc says what that costs the server.

h2load is one process, written in C, that speaks HTTP/2 and HTTP/1.1. It takes some 10 microseconds a call, so that two
cores are left to the server; a client in Python would take more than some servers do. It does not look at the gRPC
status, so the bytes that come back are counted: an error has none.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import sleep, time

import numpy as np
import psutil
from peer_calls import Call

WARM_UP_SECONDS = 0.4
LAST_SECONDS = 0.2
"""After what is counted, so that none of it belongs to the end of the load."""
ATTEMPTS = 5


@dataclass(frozen=True)
class Load:
    """What was seen.

    done: calls from the warm-up to the end, of which `calls` are counted. rate: calls a second. server_ms, client_ms:
    time of the processor a call. median_ms, p95_ms: from request to answer. others: cores that neither the server nor
    the client kept busy, but something else. faults: pages that the system had to find for the server, a call.
    """

    done: int
    calls: int
    rate: float
    server_ms: float
    client_ms: float
    median_ms: float
    p95_ms: float
    others: float
    faults: float


def busy_seconds() -> float:
    """Of all cores since the machine started, for whatever process."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


def processor_seconds(processes: Sequence[psutil.Process]) -> float:
    """User and system time of those that are still there."""
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def page_faults(processes: Sequence[psutil.Process]) -> int:
    """Since they began, without those that waited for a disk, of those that are still there."""
    total = 0
    for process in processes:
        with suppress(OSError):
            total += int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[7])
    return total


def proportional_mib(processes: Sequence[psutil.Process]) -> float:
    """Proportional set size: pages that several processes share count to each by its share."""
    total = 0
    for process in processes:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        (kib,) = re.findall(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
        total += int(kib)
    return total / 1024


def load(
    call: Call,
    port: int,
    server: Sequence[psutil.Process],
    callers: int,
    shared: bool,
    seconds: float,
    folder: Path,
    refusals: bool = False,
) -> Load:
    """`callers` at a time, each with its own connection, or all over a shared one.

    Calls that end within `seconds`, after a warm-up, are counted. A load that was over sooner, because the machine
    stood still, says nothing: there is another one. Raises RuntimeError where calls fail, or where none of ATTEMPTS
    lasted; with `refusals` those calls that a gRPC status ends are counted like the others.
    """
    body, log = folder / "body", folder / "calls.tsv"
    body.write_bytes(call.sent)
    log.unlink(missing_ok=True)
    answer = len(call.answer(port)) + (5 if call.protocol == "grpc" else 0)
    connections, streams = (1, callers) if shared else (callers, 1)
    duration = round((WARM_UP_SECONDS + seconds + LAST_SECONDS) * 1000)
    command = ["h2load", f"-c{connections}", f"-m{streams}", f"-D{duration}ms", f"--log-file={log}", f"--data={body}"]
    command += [f"--header={name}: {value}" for name, value in call.headers.items()]
    command += ["--h1"] * (call.protocol == "http") + [f"http://127.0.0.1:{port}{call.path}"]
    for _ in range(ATTEMPTS):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as client:
            itself = psutil.Process(client.pid)
            sleep(WARM_UP_SECONDS)
            begun, faults = time(), page_faults(server)
            before = processor_seconds(server), processor_seconds([itself]), busy_seconds()
            sleep(seconds)
            ended, faults = time(), page_faults(server) - faults
            after = processor_seconds(server), processor_seconds([itself]), busy_seconds()
            lasted = client.poll() is None
            output, _ = client.communicate()
        if lasted or client.returncode != 0:
            break
        log.unlink()
    else:
        raise RuntimeError(f"the machine stood still in each of {ATTEMPTS} loads of {seconds:g} s")
    if client.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {client.returncode}: {output}")
    check(output, 0 if refusals else answer)
    rows = np.loadtxt(log, dtype=np.int64, ndmin=2)
    ends = (rows[:, 0] + rows[:, 2]) / 1e6
    taken = rows[(ends >= begun) & (ends < ended)][:, 2] / 1e3
    if len(taken) == 0:
        raise RuntimeError(f"no call ended within {seconds:g} s; take longer rounds: {output}")
    median, p95 = (float(np.percentile(taken, percentile)) for percentile in (50, 95))
    server_spent, client_spent, busy = (late - early for early, late in zip(before, after, strict=True))
    return Load(
        done=len(rows),
        calls=len(taken),
        rate=len(taken) / (ended - begun),
        server_ms=1e3 * server_spent / len(taken),
        client_ms=1e3 * client_spent / len(taken),
        median_ms=median,
        p95_ms=p95,
        others=max(0.0, busy - server_spent - client_spent) / (ended - begun),
        faults=faults / len(taken),
    )


def check(output: str, answer: int) -> None:
    """Raises RuntimeError. answer: bytes of a right one; ids of requests make them differ by a few."""
    counts = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored", output)
    data = re.search(r"headers \(space savings [^)]*\), \S+ \((\d+)\) data", output)
    if counts is None or data is None:
        raise RuntimeError(f"h2load said something else than expected: {output}")
    succeeded, failed = int(counts[2]), int(counts[3])
    if failed or int(data[1]) < 0.9 * succeeded * answer:
        raise RuntimeError(f"calls failed, or answers lacked something ({answer} bytes are right): {output}")
