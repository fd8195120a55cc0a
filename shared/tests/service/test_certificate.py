"""Certificates that are renewed while calls go on."""

from __future__ import annotations

import shutil
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from pipit.rpc.client import open_channel
from pipit.rpc.server import build_server
from pipit.service.certificate import Certificate

CALLS = 30


class Served:
    """A server that answers for its health, with a pair of files that can be replaced."""

    def __init__(self, folder: Path, pair: tuple[Path, Path]) -> None:
        self.paths = folder / "tls.crt", folder / "tls.key"
        self.replace(pair)
        self.certificate = Certificate(*self.paths)
        self.server = build_server()
        servicer = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(servicer, self.server)
        self.port = self.server.add_secure_port("127.0.0.1:0", self.certificate.credentials)
        self.server.start()

    def replace(self, pair: tuple[Path, Path]) -> None:
        """As whoever renews does: the certificate first, then its key."""
        for source, path in zip(pair, self.paths, strict=True):
            shutil.copy(source, path.with_suffix(".new"))
            path.with_suffix(".new").replace(path)

    @property
    def shown(self) -> str:
        """What a new connection is shown, as PEM."""
        return ssl.get_server_certificate(("127.0.0.1", self.port), timeout=30)


@pytest.fixture
def served(tmp_path: Path, pair: tuple[Path, Path]) -> Iterator[Served]:
    one = Served(tmp_path, pair)
    yield one
    one.server.stop(None).wait()


def ask(channel: grpc.Channel) -> int:
    return int(health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=30).status)


def test_new_connections_see_the_new_certificate_and_no_call_fails(
    served: Served, pair: tuple[Path, Path], other_pair: tuple[Path, Path]
) -> None:
    roots = served.paths[0].with_name("roots.pem")
    roots.write_bytes(pair[0].read_bytes() + other_pair[0].read_bytes())
    go_on, begun = threading.Event(), threading.Barrier(5)
    go_on.set()

    def call_again_and_again(keeps_connection: bool) -> int:
        calls, channel = 0, open_channel(f"127.0.0.1:{served.port}", ca=roots)
        ask(channel)
        begun.wait()
        while go_on.is_set() or calls < CALLS:
            if not keeps_connection:
                channel.close()
                channel = open_channel(f"127.0.0.1:{served.port}", ca=roots)
            ask(channel)
            calls += 1
        channel.close()
        return calls

    with ThreadPoolExecutor(4) as pool:
        callers = [pool.submit(call_again_and_again, number < 2) for number in range(4)]
        begun.wait()
        before = served.shown
        served.replace(other_pair)
        after = served.shown
        go_on.clear()
        assert [caller.result() >= CALLS for caller in callers] == [True] * 4
    assert (before.strip(), after.strip()) == (pair[0].read_text().strip(), other_pair[0].read_text().strip())
    assert not served.certificate.is_stale


@pytest.mark.parametrize("broken", ["empty certificate", "key of another", "no key"])
def test_a_broken_pair_leaves_the_last_one(
    served: Served, pair: tuple[Path, Path], other_pair: tuple[Path, Path], broken: str
) -> None:
    chain, key = served.paths
    if broken == "empty certificate":
        chain.write_bytes(b"")
    elif broken == "key of another":
        key.write_bytes(other_pair[1].read_bytes())
    else:
        key.unlink()
    assert served.shown.strip() == pair[0].read_text().strip()
    assert served.certificate.is_stale
    served.replace(other_pair)
    assert served.shown.strip() == other_pair[0].read_text().strip()
    assert not served.certificate.is_stale


def test_it_says_when_it_expires(tmp_path: Path, make_certificate: Callable[..., tuple[Path, Path]]) -> None:
    soon, late = make_certificate("soon", days=(-1, 2)), make_certificate("late", days=(-1, 100))
    one = Served(tmp_path, soon)
    first = one.certificate.expires
    one.replace(late)
    assert round((one.certificate.expires - first) / 86_400) == 98
    one.server.stop(None).wait()
