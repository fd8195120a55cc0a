from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from pipit.errors import DeadlineExceeded, NotFound, Unavailable
from pipit.rpc.probe import LIVENESS, health_of, main

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def address() -> Iterator[str]:
    """A server that works, and has nothing to serve yet."""
    servicer = health.HealthServicer()
    servicer.set("", NOT_SERVING)
    servicer.set(LIVENESS, SERVING)
    server = grpc.server(ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def test_states_are_named(address: str) -> None:
    assert health_of(address, LIVENESS) == "SERVING"
    assert health_of(address) == "NOT_SERVING"
    with pytest.raises(NotFound):
        health_of(address, "no.such")


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["--service", "liveness"], 0, "liveness: SERVING\n"),
        ([], 1, "server: NOT_SERVING\n"),
        (["--timeout", "0"], 1, "server: --timeout 0.0: give seconds above 0\n"),
    ],
)
def test_exit_codes(
    address: str, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, line: str
) -> None:
    assert main([address, *arguments]) == code
    assert capsys.readouterr().out == line


def test_a_process_that_is_asked_from_a_shell(address: str) -> None:
    command = [sys.executable, "-m", "pipit.rpc.probe", address, "--service", "liveness"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "liveness: SERVING\n", "")


def test_nobody_listens() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable, match="can't be reached"):
            health_of(f"127.0.0.1:{held.getsockname()[1]}")


def test_somebody_listens_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises((DeadlineExceeded, Unavailable)):
        health_of(f"127.0.0.1:{silent.getsockname()[1]}", timeout=0.3)
