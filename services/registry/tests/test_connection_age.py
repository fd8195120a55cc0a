"""Connections that end by their age: devices follow on."""

from __future__ import annotations

import queue
from collections.abc import Callable

from model_registry.server import RegistryServer
from pipit.bundle import Bundle
from pipit.registry import Assignment, AssignmentFollower, RegistryClient
from structlog.testing import capture_logs

TASK = "test.sounds"
AGE = {"max_connection_age_seconds": 0.3, "grace_seconds": 0.1}


def watches(server: RegistryServer) -> float:
    """How many were ever begun."""
    labels = {"grpc_type": "server_stream", "grpc_service": "pipit.registry.v1.RegistryService", "grpc_method": "Watch"}
    return server.metrics.registry.get_sample_value("grpc_server_started_total", labels) or 0


def test_a_follower_loses_nothing_when_its_watch_is_cut(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    make_bundle: Callable[..., Bundle],
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    server, other = start(**AGE), start()
    client = connect(other)
    for version in ("1.0.0", "1.1.0"):
        client.publish(make_bundle(version, version.encode()).path)
    client.promote(TASK, "1.0.0", "production")
    told: queue.SimpleQueue[Assignment] = queue.SimpleQueue()

    with (
        capture_logs() as logs,
        connect(server) as device,
        AssignmentFollower(device, (TASK,), "production", "pi-1", told.put, first_pause=0.01, longest_pause=0.1),
    ):
        heard = [told.get(timeout=60).version]
        for version in ("1.1.0", "1.0.0") * 3:
            begun = watches(server)
            eventually(lambda begun=begun: watches(server) > begun)
            client.promote(TASK, version, "production")
            heard.append(told.get(timeout=60).version)

    assert heard == ["1.0.0", *("1.1.0", "1.0.0") * 3]
    assert told.empty()
    away = [entry["log_level"] for entry in logs if entry["event"] == "registry_away"]
    # What happens every few minutes is nothing to warn of.
    assert away.count("info") >= 6
