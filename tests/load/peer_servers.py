"""The servers that `bench_peers.py` compares, and how each is started: one place to change when a default changes.

Those of others lie in `peers/`. Each has an environment of its own, from a lock: `make .venv/peer-NAME/.ready`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, sleep

import psutil
from nothing_pipeline import TASK as NOTHING
from nothing_pipeline import NothingPipeline
from peer_calls import (
    OPEN_MODEL,
    Call,
    Inputs,
    NotYet,
    Scores,
    bentoml_calls,
    differences,
    grpcio_calls,
    http_calls,
    litserve_calls,
    open_inference_calls,
    pipit_calls,
)
from peers.work import BUNDLE
from pipit.cli.demo.processes import free_port
from servers import ROOT, SERVE_PYTHON

PEERS = Path(__file__).with_name("peers")
START_SECONDS = 90.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.01
TOLERANCE = 1e-5
"""Of scores and logits: numpy's sums differ in their last digits from version to version."""


@dataclass(frozen=True)
class Launch:
    """What one start of a server is given. folder: its own, empty."""

    python: Path
    port: int
    bundle: Path
    folder: Path


@dataclass(frozen=True)
class Server:
    """One row of the comparison.

    environment: its folder in .venv; empty: that of Pipit's server. nothing: `empty` is asked of a second start, whose
    bundle does nothing. checkout: of this repository; another one is named as in `pipit@../other`.
    """

    package: str
    command: Callable[[Launch], list[str]]
    calls: Callable[[Inputs], dict[str, Call]]
    environment: str = ""
    nothing: bool = False
    checkout: Path = ROOT

    @property
    def python(self) -> Path:
        """Of its environment."""
        if self.environment:
            return ROOT / ".venv" / self.environment / "bin/python"
        serving = self.checkout / SERVE_PYTHON.relative_to(ROOT)
        return serving if serving.is_file() or self.checkout != ROOT else Path(sys.executable)

    @property
    def version(self) -> str:
        """Of its package."""
        code = f"from importlib.metadata import version; print(version({self.package!r}))"
        return subprocess.run([self.python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def _pipit(*options: str) -> Server:
    def command(launch: Launch) -> list[str]:
        ports = ["--port", str(launch.port), "--metrics-port", str(free_port())]
        cache = ["--cache-dir", str(launch.folder / "cache")]
        return [str(launch.python), "-m", "pipit.serving", "--bundle", str(launch.bundle), *ports, *cache, *options]

    return Server("pipit-shared", command, pipit_calls, nothing=True)


def _grpcio(launch: Launch) -> list[str]:
    return [str(launch.python), str(PEERS / "grpcio_server.py"), str(launch.port)]


def _fastapi(launch: Launch) -> list[str]:
    options = ["--app-dir", str(PEERS), "--port", str(launch.port), "--workers", "2", "--no-access-log"]
    return [str(launch.python), "-m", "uvicorn", "fastapi_app:app", *options, "--log-level", "warning"]


def _litserve(launch: Launch) -> list[str]:
    return [str(launch.python), str(PEERS / "litserve_server.py"), str(launch.port)]


def _bentoml(launch: Launch) -> list[str]:
    options = ["--working-dir", str(PEERS), "--host", "127.0.0.1", "--port", str(launch.port)]
    return [str(launch.python), "-m", "bentoml", "serve", "bentoml_service:Sounds", *options]


def _mlserver(launch: Launch) -> list[str]:
    ports = {"http_port": free_port(), "grpc_port": launch.port, "metrics_port": free_port()}
    settings = {"host": "127.0.0.1", "parallel_workers": 2, "debug": False, **ports}
    (launch.folder / "settings.json").write_text(json.dumps(settings))
    model = {"name": OPEN_MODEL, "implementation": "mlserver_model.Sounds"}
    (launch.folder / "model-settings.json").write_text(json.dumps(model))
    return [str(launch.python.with_name("mlserver")), "start", str(launch.folder)]


def _kserve(launch: Launch) -> list[str]:
    ports = ["--http_port", str(free_port()), "--grpc_port", str(launch.port)]
    return [str(launch.python), str(PEERS / "kserve_server.py"), *ports, "--enable_latency_logging", "false"]


SERVERS: Mapping[str, Server] = {
    "pipit": _pipit(),
    "pipit-1": _pipit("--processes", "1"),
    "grpcio": Server("grpcio", _grpcio, grpcio_calls),
    "fastapi": Server("fastapi", _fastapi, http_calls, "peer-fastapi"),
    "kserve": Server("kserve", _kserve, open_inference_calls, "peer-kserve"),
    "litserve": Server("litserve", _litserve, litserve_calls, "peer-litserve"),
    "bentoml": Server("bentoml", _bentoml, bentoml_calls, "peer-bentoml"),
    "mlserver": Server("mlserver", _mlserver, open_inference_calls, "peer-mlserver"),
}


def server_of(name: str) -> Server:
    """By its name in SERVERS; `pipit@FOLDER` is that of another checkout, with its environment. Raises KeyError."""
    kind, _, folder = name.partition("@")
    return replace(SERVERS[kind], checkout=Path(folder).resolve()) if folder else SERVERS[kind]


@dataclass(frozen=True)
class Running:
    """seconds: from the start to the first right answer. processes: the one that was started, and its descendants."""

    port: int
    seconds: float
    process: psutil.Process

    @property
    def processes(self) -> list[psutil.Process]:
        """The server's whole tree, as it is now."""
        return [self.process, *self.process.children(recursive=True)]


def make_site(folder: Path) -> None:
    """Makes `folder` one for PYTHONPATH, in which the pipeline that does nothing is an installed package."""
    package = folder / "nothing-1.0.dist-info"
    package.mkdir(parents=True)
    module = NothingPipeline.__module__
    (folder / f"{module}.py").write_bytes(Path(__file__).with_name(f"{module}.py").read_bytes())
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: nothing\nVersion: 1.0\n")
    entry = f"[pipit.pipelines]\n{NOTHING} = {module}:{NothingPipeline.__name__}\n"
    (package / "entry_points.txt").write_text(entry)


@contextmanager
def running(server: Server, bundle: Path, folder: Path, call: Call, wanted: Scores, site: Path) -> Iterator[Running]:
    """Starts a server, waits until it gives the answer that is `wanted` to `call`, and ends all its processes.

    Raises RuntimeError where it ends by itself, answers something else, or stays silent.
    """
    launch = Launch(server.python, free_port(), bundle, folder)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIPIT_")}
    environment |= {BUNDLE: str(bundle), "PYTHONPATH": f"{site}{os.pathsep}{PEERS}", "PYTHONWARNINGS": "ignore"}
    log = folder / "log"
    with log.open("wb") as output:
        begun = perf_counter()
        started = subprocess.Popen(
            server.command(launch), cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    process = psutil.Process(started.pid)
    try:
        said = _first_answer(started, launch.port, call, log)
        seconds = perf_counter() - begun
        if differences(said, wanted) > TOLERANCE:
            raise RuntimeError(f"{' '.join(started.args)} says {said}, not {wanted}")
        yield Running(launch.port, seconds, process)
    finally:
        _end(started, process)


def _first_answer(started: subprocess.Popen[bytes], port: int, call: Call, log: Path) -> Scores:
    deadline = perf_counter() + START_SECONDS
    while True:
        try:
            return call.ask(port)
        except NotYet as error:
            if started.poll() is not None:
                raise RuntimeError(f"the server ended with {started.returncode}: {log.read_text()[-3000:]}") from error
            if perf_counter() > deadline:
                raise RuntimeError(f"no answer in {START_SECONDS:g} s ({error}): {log.read_text()[-3000:]}") from error
            sleep(POLL_SECONDS)


def _end(started: subprocess.Popen[bytes], process: psutil.Process) -> None:
    children = [] if started.poll() is not None else process.children(recursive=True)
    started.terminate()
    with suppress(subprocess.TimeoutExpired):
        started.wait(STOP_SECONDS)
    _, alive = psutil.wait_procs(children, timeout=1.0)
    for child in alive:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    started.kill()
    started.wait()
