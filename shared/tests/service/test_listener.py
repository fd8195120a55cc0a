"""Two ports: both are open, or none is."""

from __future__ import annotations

import socket
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from pipit.errors import InvalidInput, Unavailable
from pipit.rpc.client import open_channel
from pipit.rpc.server import build_server
from pipit.service.listener import Listener, address_of
from pipit.service.settings import ServiceSettings
from prometheus_client import CollectorRegistry, Counter
from structlog.testing import capture_logs

SERVING = health_pb2.HealthCheckResponse.SERVING


class Opened:
    """Listeners of a server that answers for its health; all are closed at the end."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def __call__(self, **settings: Any) -> Listener:
        server = build_server()
        servicer = health.HealthServicer()
        servicer.set("", SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        metrics = CollectorRegistry()
        Counter("asked", "How often.", registry=metrics).inc(3)
        self._listeners.append(Listener(ServiceSettings(**settings), server, (), metrics))
        return self._listeners[-1]

    def close(self) -> None:
        for listener in self._listeners:
            listener.drain(0.0)()
            listener.close()


@pytest.fixture
def listener() -> Iterator[Opened]:
    opened = Opened()
    yield opened
    opened.close()


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def health_of(channel: grpc.Channel) -> int:
    with channel:
        return int(health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=30).status)


def test_both_ports_answer_until_they_are_closed(listener: Opened) -> None:
    one = listener()
    one.open()
    assert health_of(open_channel(f"127.0.0.1:{one.port}")) == SERVING
    with urllib.request.urlopen(f"http://127.0.0.1:{one.metrics_port}/metrics", timeout=30) as response:
        assert "asked_total 3.0" in response.read().decode().splitlines()
    one.drain(0.0)()
    one.close()
    assert is_free(one.port)
    assert is_free(one.metrics_port)
    one.close()


@pytest.mark.parametrize("which", ["port", "metrics_port"])
def test_where_one_port_is_taken_neither_is_left_open(listener: Opened, which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as free:
        other = "metrics_port" if which == "port" else "port"
        ports = {which: taken.getsockname()[1], other: free.getsockname()[1]}
        free.close()
        threads = set(threading.enumerate())
        with pytest.raises(Unavailable, match=f"can't listen on 127.0.0.1:{ports[which]}") as caught:
            listener(**ports).open()
        assert ("metrics_port" in str(caught.value)) is (which == "metrics_port")
        assert is_free(ports[other])
        # Threads of tests before may end meanwhile, and their timers begin anew.
        left = set(threading.enumerate()) - threads
        assert [thread for thread in left if not isinstance(thread, threading.Timer)] == []


def test_calls_are_encrypted_by_a_certificate(listener: Opened, pair: tuple[Path, Path]) -> None:
    one = listener(tls_certificate=pair[0], tls_key=pair[1])
    one.open()
    assert health_of(open_channel(f"127.0.0.1:{one.port}", ca=pair[0])) == SERVING
    with pytest.raises(grpc.RpcError) as caught:
        health_of(open_channel(f"127.0.0.1:{one.port}"))
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_callers_show_a_certificate_where_an_authority_is_set(
    listener: Opened, pair: tuple[Path, Path], other_pair: tuple[Path, Path]
) -> None:
    one = listener(tls_certificate=pair[0], tls_key=pair[1], tls_client_ca=other_pair[0])
    one.open()
    address = f"127.0.0.1:{one.port}"
    assert health_of(open_channel(address, None, pair[0], *other_pair)) == SERVING
    # Of nobody, and of an authority that is not the one.
    for shown in ((), pair):
        with pytest.raises(grpc.RpcError) as caught:
            health_of(open_channel(address, None, pair[0], *shown))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_an_authority_that_is_none_is_said_and_not_that_the_port_is_taken(
    listener: Opened, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    broken = tmp_path / "ca.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    one = listener(tls_certificate=pair[0], tls_key=pair[1], tls_client_ca=broken)
    with pytest.raises(InvalidInput, match=f"{broken} holds no certificate that can be read"):
        one.open()


def test_a_pair_that_is_none_is_said_before_any_port_is_open(
    listener: Opened, pair: tuple[Path, Path], other_pair: tuple[Path, Path], locked_pair: tuple[Path, Path]
) -> None:
    wrong = {
        "can't be read": (Path("/nowhere"), pair[1]),
        f"{pair[0]} and {other_pair[1]} are not a certificate and its key": (pair[0], other_pair[1]),
        f"{pair[1]} and {pair[1]} are not a certificate and its key": (pair[1], pair[1]),
        f"{locked_pair[0]} and {locked_pair[1]} are not": locked_pair,
    }
    for text, (certificate, key) in wrong.items():
        one = listener(tls_certificate=certificate, tls_key=key)
        with pytest.raises(InvalidInput, match=text):
            one.open()
        assert one.metrics_port == 0


@pytest.mark.parametrize(("host", "warnings"), [("127.0.0.1", 0), ("0.0.0.0", 1)])
def test_a_server_that_is_open_to_strangers_says_so(listener: Opened, host: str, warnings: int) -> None:
    with capture_logs() as logs:
        listener(host=host, allow_anonymous=True, insecure=True).open()
    for event in ("anonymous_server", "insecure_server"):
        assert [entry["host"] for entry in logs if entry["event"] == event] == [host] * warnings


def test_addresses() -> None:
    assert [address_of(host, 1) for host in ("127.0.0.1", "::1", "[::1]", "pi.local")] == [
        "127.0.0.1:1",
        "[::1]:1",
        "[::1]:1",
        "pi.local:1",
    ]


def test_loopback_of_ipv6(listener: Opened) -> None:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
    one = listener(host="::1", metrics_host="::1")
    one.open()
    assert health_of(open_channel(f"[::1]:{one.port}")) == SERVING
    with urllib.request.urlopen(f"http://[::1]:{one.metrics_port}/metrics", timeout=30) as response:
        assert response.status == 200
