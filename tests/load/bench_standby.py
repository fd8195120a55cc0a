"""How soon a version answers on a device: unproven, proven beforehand as a rollout's candidate, or standing by.

One server in this process proves in child processes, as every server does; callers classify real clips meanwhile. Each
round brings two versions that are new here, so that no proof of an earlier round counts. What lies in the cache is
checked byte for byte before it is opened.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from time import monotonic, perf_counter

import numpy as np
from bench_swap import Load, with_version
from measure import milliseconds, write_csv
from pipit.bundle import open_bundle
from pipit.bundle.golden import read_golden
from pipit.bundle.manifest import GOLDEN_FILE
from pipit.fleet import State, TaskReport
from pipit.inputs import EncodedAudio
from pipit.serving.attempts import Desired, Part
from pipit.serving.host import ModelHost
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings
from servers import TASK, arguments

OLD = "1.0.0"


def wished(path: Path) -> Desired:
    """What lies in a cache."""
    bundle = open_bundle(path)
    return Desired(str(bundle.manifest.version), bundle.digest, lambda: open_bundle(path).path)


def until(host: ModelHost, holds: Callable[[TaskReport], bool]) -> float:
    """Seconds until the host reports it."""
    begun = perf_counter()
    deadline = monotonic() + 120
    while not holds(host.report()):
        if monotonic() > deadline:
            raise RuntimeError(f"it did not come within two minutes: {host.report()}")
        Event().wait(0.0005)
    return perf_counter() - begun


def swap(host: ModelHost, to: Desired, part: Part) -> float:
    """Seconds from the wish until that version answers."""
    begun = perf_counter()
    host.desire(to, part)
    until(host, lambda report: report.active_digest == to.digest)
    return perf_counter() - begun


def one_round(host: ModelHost, old: Desired, unproven: Desired, proven: Desired) -> dict[str, float]:
    """Ends with `old`, and nothing that stands by."""
    seconds = {"swap to a version that is unproven": swap(host, unproven, Part())}
    seconds["roll back from the cache, with the proof of before"] = swap(host, old, Part())
    begun = perf_counter()
    host.desire(old, Part(rollout="r-1", candidate=proven))
    until(host, lambda report: report.candidate_state is State.PREFETCHED)
    seconds["proof of a candidate beside what answers"] = perf_counter() - begun
    part = Part(rollout="r-1", stage=1, standby=old.digest)
    seconds["swap to a version that was proven as a candidate"] = swap(host, proven, part)
    until(host, lambda report: report.standby)
    seconds["roll back to what stands by"] = swap(host, old, Part())
    return seconds


def main() -> None:
    """Measures, and writes docs/measured/standby.csv."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--callers", type=int, default=2)
    options = parser.parse_args()
    clips = [s.item.data for s in read_golden(options.bundle / GOLDEN_FILE) if isinstance(s.item, EncodedAudio)]
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = with_version(options.bundle, OLD, folder)
        settings = ServingSettings(bundle=(first,), port=0, metrics_port=0, cache_dir=folder / "cache", queue=64)
        server = InferenceServer(settings)
        server.start()
        host = server.hosts[TASK]
        until(host, lambda report: report.active_version == OLD)
        load = Load(f"127.0.0.1:{server.port}", clips)
        with ThreadPoolExecutor(options.callers) as pool:
            callers = [pool.submit(load.call, number) for number in range(options.callers)]
            try:
                for number in range(options.rounds):
                    pair = [wished(with_version(options.bundle, f"{major}.0.{number}", folder)) for major in (2, 3)]
                    for what, seconds in one_round(host, wished(first), *pair).items():
                        found.setdefault(what, []).append(seconds)
            finally:
                load.stop()
            for caller in callers:
                caller.result()
        server.stop(5.0)
    size = sum(path.stat().st_size for path in options.bundle.rglob("*") if path.is_file())
    rows: list[dict[str, object]] = [
        {
            "what": what,
            "samples": len(seconds),
            "median_ms": milliseconds(np.array(seconds), 50),
            "p95_ms": milliseconds(np.array(seconds), 95),
        }
        for what, seconds in found.items()
    ]
    answered = sum(load.answers.values())
    rows.append({"what": "calls meanwhile", "samples": answered + sum(load.failures.values())})
    rows.append({"what": "calls that failed", "samples": sum(load.failures.values())})
    rows.append({"what": f"callers; the bundle of {TASK} has {size} bytes", "samples": options.callers})
    write_csv("standby", rows)


if __name__ == "__main__":
    main()
