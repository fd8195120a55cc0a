"""How long an inference server takes from its start to SERVING, and what of: imports, and the steps to a model.

    first       a bundle that is new on this device: a child process proves it first
    again       the same once it was good here: its proof is kept, and its golden samples are checked once it is open
    registry    the same as `again`, of a server that follows a registry, from its warm cache

The ways take turns, round by round. The server runs in the environment of `make .venv/serve-home_security/.ready`, its
bytecode is there as in an image, and the processor's time counts the child's too. Imports are taken once more by
`-X importtime`, which makes each a little slower, and summed by package. Processes that import the libraries and end
show what would remain if Pipit itself took no time.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter, defaultdict
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, perf_counter, sleep
from urllib.request import urlopen

import numpy as np
import psutil
from bench_swap import ENVIRONMENT, with_version
from measure import milliseconds, write_csv
from pipit.cli.demo.processes import free_port
from servers import SERVE_PYTHON, TASK, arguments, process, registry_client, wait_until_serving

STEP = re.compile(r'^pipit_model_load_seconds_sum\{stage="(\w+)".*\} (\S+)$', re.M)
IMPORT = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", re.M)
PACKAGES = 12
"""That the imports are told of."""
SERVER = "import pipit.serving.__main__"
_THREE = "import gc; gc.disable(); import numpy, grpc, ai_edge_litert.interpreter"
BARE = {
    "nothing": "pass",
    "numpy, grpc and LiteRT": _THREE,
    "all of the server's libraries": f"{_THREE}, soundfile, soxr, pydantic_settings, prometheus_client, structlog, "
    "yaml, grpc_health.v1.health, grpc_reflection.v1alpha.reflection",
}
"""What remains of a start if all else were for nothing; the collector of garbage rests, as it does in a server."""


def start(command: list[str], cache: Path) -> tuple[float, float, dict[str, float]]:
    """Seconds to SERVING, seconds of the processor, and seconds of each step to the model."""
    port, metrics = free_port(), free_port()
    flags = ["--port", str(port), "--metrics-port", str(metrics), "--cache-dir", str(cache)]
    begun = perf_counter()
    with process([*command, *flags]) as server:
        wait_until_serving(f"127.0.0.1:{port}", server)
        seconds = perf_counter() - begun
        used = sum(psutil.Process(server.pid).cpu_times()[:4])
        text = urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=10).read().decode()
    steps = {step: float(sum_of) for step, sum_of in STEP.findall(text)}
    return seconds, used, steps


def wait_until_good(cache: Path, task: str = TASK) -> None:
    """Until the version that a server with `--trial-seconds 0` serves counts as good, so that its proof is kept.

    Raises RuntimeError where it does not.
    """
    deadline = monotonic() + 30
    while '"proof": {' not in (cache / "trials" / f"{task}.json").read_text():
        if monotonic() > deadline:
            raise RuntimeError("the version did not become good within 30 s")
        sleep(0.05)


def make_good(command: list[str], cache: Path) -> None:
    """Serves until the version counts as good."""
    port = free_port()
    flags = ["--port", str(port), "--metrics-port", "0", "--cache-dir", str(cache), "--trial-seconds", "0"]
    with process([*command, *flags]) as server:
        wait_until_serving(f"127.0.0.1:{port}", server)
        wait_until_good(cache)


def imports(python: list[str], rounds: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds of processes that import something and end; of each of the server's packages, by -X importtime."""
    whole, packages = defaultdict(list), defaultdict(list)
    for _ in range(rounds):
        for what, line in {**BARE, "the server": SERVER}.items():
            begun = perf_counter()
            subprocess.run([*python, "-c", line], check=True)
            whole[what].append(perf_counter() - begun)
        command = [*python, "-X", "importtime", "-c", SERVER]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stderr
        sums: Counter[str] = Counter()
        for microseconds, module in IMPORT.findall(told):
            sums[module.partition(".")[0]] += int(microseconds)
        for package, microseconds_in_all in sums.items():
            packages[package].append(microseconds_in_all * 1e-6)
    return whole, packages


def row(what: str, seconds: list[float]) -> dict[str, object]:
    """Of one thing, in milliseconds."""
    values = np.array(seconds)
    return {
        "what": what,
        "median_ms": milliseconds(values, 50),
        "least_ms": milliseconds(values, 0),
        "most_ms": milliseconds(values, 100),
        "samples": len(values),
    }


def main() -> None:
    """Measures, and writes docs/measured/start.csv."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--python", type=Path, default=SERVE_PYTHON, help="interpreter of the server")
    options = parser.parse_args()
    times: dict[str, list[tuple[float, float, dict[str, float]]]] = defaultdict(list)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        python = ["env", "-u", "PYTHONDONTWRITEBYTECODE", f"PYTHONPYCACHEPREFIX={folder / 'bytecode'}"]
        python.append(str(options.python))
        client = registry_client(stack, folder / "store")
        client.publish(with_version(options.bundle, "1.0.0", folder))
        client.promote(TASK, "1.0.0", ENVIRONMENT, "benchmark", override_gates=True)
        directory = [*python, "-m", "pipit.serving", "--bundle", str(options.bundle)]
        follower = [*python, "-m", "pipit.serving", "--registry", client.address, "--tasks", TASK]
        make_good(directory, folder / "again")
        make_good(follower, folder / "registry")
        for _ in range(options.rounds):
            shutil.rmtree(folder / "first", ignore_errors=True)
            times["first"].append(start(directory, folder / "first"))
            times["again"].append(start(directory, folder / "again"))
            times["registry"].append(start(follower, folder / "registry"))
        whole, packages = imports(python, options.rounds)
    rows = []
    for way, found in times.items():
        rows.append(row(f"{way}: start to SERVING", [seconds for seconds, _, _ in found]))
        rows.append(row(f"{way}: the processor's time", [used for _, used, _ in found]))
        for step in found[0][2]:
            rows.append(row(f"{way}: step {step}", [steps.get(step, 0.0) for _, _, steps in found]))
    rows.extend(row(f"a process that imports {what} and ends", seconds) for what, seconds in whole.items())
    largest = sorted(packages, key=lambda package: -float(np.median(packages[package])))[:PACKAGES]
    rows.extend(row(f"imports of {package}", packages[package]) for package in largest)
    write_csv("start", rows)


if __name__ == "__main__":
    main()
