"""Everything goes and comes back, in any order."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(2400), pytest.mark.usefixtures("knowledge")]

REGISTRY = "PIPIT_REGISTRY_PORT"
ORDERS = [
    ("home-security", "registry", "minio"),
    ("home-security", "minio", "registry"),
    ("registry", "home-security", "minio"),
]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_in_another_order(stack: Any, follows: Any, order: tuple[str, ...]) -> None:
    before = stack.serving()
    containers = {service: stack.container(service) for service in order}
    stack.run("docker", "stop", *containers.values())
    for service in order:
        stack.run("docker", "start", containers[service])
        if service == "home-security":
            stack.wait(lambda: stack.serving() == before, "the server answers from its cache")
    stack.wait_until_healthy(*order)
    stack.wait(lambda: stack.says(REGISTRY) == "SERVING", "the registry is ready")
    follows()


def test_after_the_power_went(stack: Any, follows: Any) -> None:
    before = stack.serving()
    for service in ("minio", "registry", "home-security"):
        stack.crash(service)
    stack.wait_until_healthy("minio", "registry", "home-security")
    stack.wait(lambda: stack.serving() == before, "the server answers")
    stack.wait(lambda: stack.says(REGISTRY) == "SERVING", "the registry is ready")
    follows()


def test_after_make_down_and_make_up(stack: Any, follows: Any) -> None:
    before = stack.serving()
    stack.make("down")
    assert stack.container("registry") == ""
    stack.make("up")
    stack.wait(lambda: stack.serving() == before, "the server answers with what it served")
    follows()
