"""The object store goes: the registry says so and stays, servers answer on."""

from __future__ import annotations

from typing import Any

import pytest
from pipit.errors import Unavailable
from pipit.rpc.probe import LIVENESS

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(2400), pytest.mark.usefixtures("knowledge")]

TASK = "home_security.sounds"
REGISTRY = "PIPIT_REGISTRY_PORT"


def test_it_crashes(stack: Any, answering: Any, follows: Any) -> None:
    restarts = stack.inspect("registry")["RestartCount"]
    with answering():
        stack.crash("minio")
        stack.wait_until_healthy("minio")
        stack.wait(lambda: stack.says(REGISTRY) == "SERVING", "the registry has its store again")
    follows()
    assert stack.inspect("registry")["RestartCount"] == restarts


def test_it_is_away_for_a_while(stack: Any, answering: Any, follows: Any, restart_server: Any) -> None:
    with answering():
        stack.compose("stop", "minio")
        stack.wait(lambda: stack.says(REGISTRY) == "NOT_SERVING", "the registry misses its store")
        assert stack.says(REGISTRY, LIVENESS) == "SERVING"
        with stack.registry() as registry, pytest.raises(Unavailable):
            registry.promote(
                TASK, "1.0.0", "production", "it can't be kept, so it must not be taken", override_gates=True
            )
    restart_server()
    assert stack.health("registry") == "healthy"  # to restart it would help nobody
    with answering():
        stack.compose("start", "minio")
        stack.wait(lambda: stack.says(REGISTRY) == "SERVING", "the registry has its store again")
    follows()


def test_the_way_to_it_is_cut(stack: Any, answering: Any, follows: Any) -> None:
    """Nothing is refused and nothing arrives: connections stay open to nowhere."""
    store = stack.container("minio")
    (network,) = stack.inspect("minio")["NetworkSettings"]["Networks"]
    with answering():
        stack.run("docker", "network", "disconnect", network, store)
        try:
            stack.wait(lambda: stack.says(REGISTRY) == "NOT_SERVING", "the registry misses its store")
            assert stack.says(REGISTRY, LIVENESS) == "SERVING"
        finally:
            stack.run("docker", "network", "connect", "--alias", "minio", network, store)
        stack.wait(lambda: stack.says(REGISTRY) == "SERVING", "the registry has its store again")
    follows()


def test_it_comes_after_the_registry(stack: Any, follows: Any) -> None:
    stack.compose("stop", "minio")
    stack.run("docker", "restart", stack.container("registry"))
    stack.wait(lambda: stack.says(REGISTRY, LIVENESS) == "SERVING", "the registry runs")
    assert stack.says(REGISTRY) == "NOT_SERVING"
    stack.compose("start", "minio")
    stack.wait(lambda: stack.says(REGISTRY) == "SERVING", "the registry has its store")
    follows()
