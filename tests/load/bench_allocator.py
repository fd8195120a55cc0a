"""What a server gains by keeping memory that a request gave back (`pipit.allocator`), against glibc as it comes.

Both serve one bundle of home_security.sounds at the same time and are loaded by turns; the callers are h2load (Debian:
nghttp2-client). Beside the calls a second: the processor's time, and the page faults, of a call.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

from bench_peers import SETTLE_SECONDS, Comparison
from measure import write_csv
from peer_calls import pipit_calls
from peer_load import Load, load, proportional_mib
from peer_servers import Launch, Server, pipit_server

AS_IT_COMES = "GLIBC_TUNABLES=glibc.malloc.perturb=0"
"""What glibc does anyway; a server that finds any choice of the kind leaves the allocator alone."""
LOADS = (("clip", 1), ("clip", 16), ("tensor", 1), ("tensor", 16))


def as_it_comes() -> Server:
    """Pipit's server with glibc's own thresholds and heaps."""
    server = pipit_server()

    def command(launch: Launch) -> list[str]:
        return ["env", AS_IT_COMES, *server.command(launch)]

    return replace(server, command=command)


def row(kind: str, callers: int, side: str, loads: Sequence[Load], memory: float) -> dict[str, object]:
    """Medians of the loads of one kind."""
    return {
        "call": kind,
        "callers": callers,
        "freed_memory": side,
        "requests_per_second": round(median(seen.rate for seen in loads), 1),
        "server_cpu_ms": round(median(seen.server_ms for seen in loads), 3),
        "median_ms": round(median(seen.median_ms for seen in loads), 3),
        "page_faults": round(median(seen.faults for seen in loads), 1),
        "calls": sum(seen.calls for seen in loads),
        "most_others_cores": round(max(seen.others for seen in loads), 2),
        "pss_mib": round(memory, 1),
    }


def main() -> None:
    """Measures, and writes docs/measured/allocator.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True, help="bundle of home_security.sounds")
    parser.add_argument("--rounds", type=int, default=5, help="loads of each kind for each server (default: 5)")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of one load (default: 0.5)")
    options = parser.parse_args()
    sides = {"kept": pipit_server(), "as it comes": as_it_comes()}
    seen: dict[tuple[str, int, str], list[Load]] = defaultdict(list)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        comparison = Comparison(options.bundle.absolute(), options.seconds, (), folder)
        calls = pipit_calls(comparison.inputs)
        servers = {
            side: stack.enter_context(comparison.running(server, comparison.bundle, calls["clip"]))
            for side, server in sides.items()
        }
        for running in servers.values():
            # So that it has begun its workers.
            load(calls["clip"], running.port, running.processes, 16, False, SETTLE_SECONDS, folder)
        for _ in range(options.rounds):
            for kind, callers in LOADS:
                for side, running in servers.items():
                    one = load(calls[kind], running.port, running.processes, callers, False, options.seconds, folder)
                    seen[kind, callers, side].append(one)
        memory = {side: proportional_mib(running.processes) for side, running in servers.items()}
    write_csv("allocator", [row(*key, loads, memory[key[2]]) for key, loads in seen.items()])


if __name__ == "__main__":
    main()
