"""One setting, and the registry and a server talk to those alone who show a certificate of the stack's authority."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pipit.errors import Unavailable
from pipit.rpc.certificates import Access
from pipit.rpc.probe import health_of

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1200)]

SERVICES = {"registry": "PIPIT_REGISTRY_PORT", "emotion": "PIPIT_EMOTION_PORT"}


@pytest.fixture(scope="module")
def asking(stack: Any) -> Iterator[Any]:
    up = ("make", "up", f"ARGS={' '.join(SERVICES)}")
    stack.run("env", "PIPIT_MUTUAL_TLS=yes", *up)
    yield stack
    stack.run(*up)


def test_their_probes_and_the_server_that_follows_the_registry_show_theirs(asking: Any) -> None:
    assert {service: asking.health(service) for service in SERVICES} == dict.fromkeys(SERVICES, "healthy")
    listing = json.loads(asking.make("pipit", "ARGS=models --json").stdout)
    assert {"versions", "environments"} <= set(listing)


@pytest.mark.parametrize("port", SERVICES.values())
def test_a_token_alone_is_not_enough(asking: Any, port: str) -> None:
    folder = asking.secrets / "tls" / "caller"
    address = f"127.0.0.1:{asking.ports[port]}"
    with pytest.raises(Unavailable):
        health_of(address, "liveness", asking.access("operator"), timeout=60.0)
    own = Access(token=None, ca=asking.secrets / "ca.pem", certificate=folder / "tls.crt", key=folder / "tls.key")
    assert health_of(address, "liveness", own, timeout=60.0) == "SERVING"
