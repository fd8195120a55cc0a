"""One alert on its whole way: Prometheus notices that a server is down, Alertmanager tells, also when it is back."""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pipit.cli.demo.processes import Servers, free_port
from pipit.metrics import Metrics
from prometheus_client import start_http_server
from prometheus_server import missing, start_alertmanager, start_prometheus

absent = missing("prometheus", "prometheus-alertmanager")
pytestmark = pytest.mark.skipif(bool(absent), reason=absent)


@pytest.fixture
def webhook() -> Iterator[tuple[str, queue.Queue[Any]]]:
    """Its address, and what comes in."""
    received: queue.Queue[Any] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.put(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", received
    server.shutdown()
    thread.join()
    server.server_close()


def until(received: queue.Queue[Any], name: str, status: str) -> dict[str, Any]:
    """Waits for a message about the alert; others may come before."""
    while True:
        message = received.get(timeout=240)
        for alert in message["alerts"]:
            if (alert["labels"]["alertname"], alert["status"]) == (name, status):
                return {**alert, "receiver": message["receiver"]}


def test_people_hear_of_a_server_that_is_down_and_back(tmp_path: Path, webhook: tuple[str, queue.Queue[Any]]) -> None:
    url, received = webhook
    metrics, held = Metrics("inference"), socket.socket()
    # Nobody else is given the port while nothing listens there.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    port = held.getsockname()[1]
    targets = {
        "inference": {"kitchen:9464": f"127.0.0.1:{port}"},
        "registry": {"registry:9460": f"127.0.0.1:{free_port()}"},
    }
    with held, Servers(tmp_path / "logs") as servers:
        alertmanager = start_alertmanager(servers, tmp_path / "alertmanager", url)
        start_prometheus(servers, tmp_path / "prometheus", targets, alertmanager)
        alert = until(received, "ServerDown", "firing")
        assert alert["receiver"] == "people"
        assert alert["labels"]["instance"] == "kitchen:9464"
        assert alert["labels"]["severity"] == "critical"
        assert alert["annotations"]["summary"] == "Inference server kitchen:9464 is down"
        assert alert["annotations"]["runbook"] == "docs/runbook.md#server-down"
        exporter, thread = start_http_server(port, "127.0.0.1", metrics.registry)
        try:
            assert until(received, "ServerDown", "resolved")["labels"]["instance"] == "kitchen:9464"
        finally:
            exporter.shutdown()
            thread.join()
            exporter.server_close()
