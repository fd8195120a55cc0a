"""The socket for Prometheus, and those who would hold it."""

from __future__ import annotations

import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from pipit.service.metrics_server import MOST_CONNECTIONS, MetricsServer
from prometheus_client import CollectorRegistry, Counter

SLOW = 500


@pytest.fixture
def open_server() -> Iterator[Callable[..., MetricsServer]]:
    running: list[MetricsServer] = []

    def start(seconds: float = 60.0) -> MetricsServer:
        registry = CollectorRegistry()
        Counter("asked", "How often.", registry=registry).inc(3)
        running.append(MetricsServer("127.0.0.1", 0, registry, seconds=seconds))
        return running[-1]

    yield start
    for server in running:
        server.close()


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as response:
        return str(response.read().decode())


def scrapers() -> int:
    return sum(thread.name == "scrape" for thread in threading.enumerate())


def test_five_hundred_slow_scrapes_hold_nobody_up(open_server: Callable[..., MetricsServer]) -> None:
    server = open_server()
    before = scrapers()
    with ExitStack() as stack:
        for _ in range(SLOW):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
            slow.sendall(b"GET /metrics HT")
        assert "asked_total 3.0" in scrape(server.port)
        # Those that were cut end by themselves, however long their threads wait for a processor.
        while scrapers() - before > MOST_CONNECTIONS:
            threading.Event().wait(0.01)


def is_open(connection: socket.socket) -> bool:
    """Whether one more letter of a request gets through, and nothing comes back."""
    try:
        connection.sendall(b"G")
        return connection.recv(1) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False


def test_who_is_slow_little_by_little_is_cut_all_the_same(open_server: Callable[..., MetricsServer]) -> None:
    server = open_server(seconds=0.2)
    with socket.create_connection(("127.0.0.1", server.port), timeout=0.02) as slow:
        while is_open(slow):
            continue
    # The next one is not slow, but this machine may be.
    server._server._seconds = 60.0
    assert "asked_total 3.0" in scrape(server.port)


def test_it_ends_with_connections_that_are_open(open_server: Callable[..., MetricsServer]) -> None:
    server = open_server()
    with socket.create_connection(("127.0.0.1", server.port), timeout=0.02) as slow:
        assert is_open(slow)
        server.close()
        while is_open(slow):
            continue
