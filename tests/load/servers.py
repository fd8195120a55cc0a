"""Servers that a benchmark starts, as processes of their own on loopback, and ends by pid."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pipit.cli.demo.processes import free_port
from pipit.errors import Unavailable
from pipit.registry import RegistryClient

ROOT = Path(__file__).parents[2]
SERVE_PYTHON = ROOT / ".venv/serve-home_security/bin/python"
TASK = "home_security.sounds"


def arguments(description: str, task: str = TASK) -> argparse.ArgumentParser:
    """Options that every benchmark has. task: whose bundle it needs."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    newest = newest_bundle(task)
    parser.add_argument("--bundle", type=Path, default=newest, required=newest is None, help=f"bundle of {task}")
    return parser


def newest_bundle(task: str) -> Path | None:
    """The bundle of `task` that was trained last."""
    found = sorted((ROOT / "runs" / task).rglob("bundle/bundle.yaml"), key=lambda path: path.stat().st_mtime)
    return found[-1].parent if found else None


@contextmanager
def process(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `command` for as long as the context lasts; then asks it to stop, and waits."""
    started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(30)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@contextmanager
def inference_server(
    *options: str, python: Path | str = sys.executable, prefix: tuple[str, ...] = ()
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server of `python -m pipit.serving` that answers; gives the process and its address."""
    port = free_port()
    command = [
        *prefix,
        str(python),
        "-m",
        "pipit.serving",
        "--port",
        str(port),
        "--metrics-port",
        str(free_port()),
        *options,
    ]
    with process(command) as server:
        address = f"127.0.0.1:{port}"
        wait_until_serving(address, server)
        yield server, address


def wait_until_serving(address: str, server: subprocess.Popen[bytes], task: str = "", seconds: float = 60.0) -> None:
    """Polls the health service; raises RuntimeError if the server ends or stays silent."""
    deadline = monotonic() + seconds
    with grpc.insecure_channel(
        address, [("grpc.initial_reconnect_backoff_ms", 20), ("grpc.max_reconnect_backoff_ms", 50)]
    ) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        while monotonic() < deadline:
            if server.poll() is not None:
                raise RuntimeError(f"the server ended with {server.returncode}")
            try:
                reply = health.Check(health_pb2.HealthCheckRequest(service=task), timeout=1)
            except grpc.RpcError:
                reply = None
            if reply is not None and reply.status == health_pb2.HealthCheckResponse.SERVING:
                return
            sleep(0.01)
    raise RuntimeError(f"{address} did not say SERVING within {seconds:.0f} s")


def registry_client(stack: ExitStack, folder: Path) -> RegistryClient:
    """A client of a registry of its own."""
    port = free_port()
    options = ["--store", str(folder), "--port", str(port), "--metrics-port", "0"]
    stack.enter_context(process([str(Path(sys.executable).with_name("pipit")), "registry", "serve", *options]))
    client = stack.enter_context(RegistryClient(f"127.0.0.1:{port}"))
    deadline = monotonic() + 60
    while True:
        try:
            client.list_versions()
        except Unavailable:
            if monotonic() > deadline:
                raise
        else:
            return client
