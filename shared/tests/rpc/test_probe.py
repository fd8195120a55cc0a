from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from pipit.errors import DeadlineExceeded, InvalidInput, NotFound, Unavailable
from pipit.rpc.certificates import Access
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


def test_it_finds_certificates_where_every_client_does(
    make_certificate: Callable[..., tuple[Path, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate is for the name that others call the server by; the server asks for one in turn."""
    chain, key = make_certificate(host="nas.local")
    servicer = health.HealthServicer()
    servicer.set("", SERVING)
    server = grpc.server(ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    credentials = grpc.ssl_server_credentials(
        [(key.read_bytes(), chain.read_bytes())], chain.read_bytes(), require_client_auth=True
    )
    address = f"127.0.0.1:{server.add_secure_port('127.0.0.1:0', credentials)}"
    server.start()
    assert main([address]) == 1
    for name, path in (("CA", chain), ("CERTIFICATE", chain), ("KEY", key)):
        monkeypatch.setenv(f"PIPIT_{name}", str(path))
    assert main([address]) == 1
    assert main([address, "--name", "nas.local"]) == 0
    server.stop(None).wait()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (("certificate", "ca"), "needs its key"),
        (("certificate", "key"), "give the certificate authority"),
        (("ca",), "can't be read"),
    ],
)
def test_half_of_what_is_needed_is_named(given: tuple[str, ...], text: str) -> None:
    paths = {name: Path("/nowhere") if name in given else None for name in ("ca", "certificate", "key")}
    with pytest.raises(InvalidInput, match=text):
        health_of("127.0.0.1:1", access=Access(token=None, **paths))


def test_nobody_listens() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable, match="can't be reached"):
            health_of(f"127.0.0.1:{held.getsockname()[1]}")


def test_somebody_listens_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises((DeadlineExceeded, Unavailable)):
        health_of(f"127.0.0.1:{silent.getsockname()[1]}", timeout=0.3)
