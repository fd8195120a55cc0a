"""A version that is led over two servers of the stack; callers must not notice. And who may speak for which device."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from pipit.deployment import read_domains
from pipit.errors import PermissionDenied, Unauthenticated
from pipit.fleet import DeviceReport, FleetClient, RolloutState

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(2400)]

TASK = "home_security.sounds"
SMALL_DISK = "PIPIT_SMALL_DISK_PORT"
SERVERS = {"stack-home-security": "PIPIT_HOME_SECURITY_PORT", "small-disk": SMALL_DISK}
"""Devices that have this task, by their names."""


@pytest.fixture
def other(stack: Any, digests: dict[str, str]) -> str:
    """The version that production does not point to."""
    with stack.registry() as registry:
        (environment,) = registry.list_versions(TASK).environments
    (found,) = set(digests) - {environment.version}
    return found


def test_each_server_is_a_device_by_its_name(stack: Any, digests: dict[str, str]) -> None:
    names = {f"stack-{domain.name}" for domain in read_domains(Path(__file__).parents[3])} | {"small-disk"}
    # Servers or the registry were started anew by the tests before.
    stack.wait(lambda: {name for name, each in listed(stack).items() if each["online"]} >= names, "all are there")
    devices = listed(stack)
    assert set(devices) == names
    assert not any(device["has_token"] for device in devices.values())
    for name in SERVERS:
        (task,) = (each for each in devices[name]["tasks"] if each["task"] == TASK)
        assert task["state"] == "serving"
        assert task["active_digest"] in digests.values()


def test_a_version_goes_over_both_servers_and_every_call_is_answered(
    stack: Any,
    digests: dict[str, str],
    other: str,
    answering: Callable[..., AbstractContextManager[None]],
) -> None:
    with answering(), answering(SMALL_DISK), stack.fleet() as fleet:
        started = fleet.start_rollout(TASK, other, "production", reason="a test", override_gates=True).rollout
        assert set(started.order) == set(SERVERS)
        stack.wait(lambda: not fleet.get_rollout(TASK, "production").rollout.is_open, "it has ended", seconds=600.0)
        ended = fleet.get_rollout(TASK, "production", started.id).rollout
        assert (ended.state, ended.verdict.rule) == (RolloutState.SUCCEEDED, "watched"), ended.verdict
        for port in SERVERS.values():
            stack.wait(lambda port=port: stack.serving(port) == digests[other], f"{port} has it")  # type: ignore[misc]
    with stack.registry() as registry:
        move = registry.history(TASK, "production")[-1]
    assert (move.action, move.to_version) == ("promote", other)
    assert ended.verdict.sentence in stack.make("pipit", f"ARGS=rollout explain {TASK} --json").stdout


def test_a_pinned_server_stays_where_it_is(stack: Any, digests: dict[str, str], other: str) -> None:
    before = stack.serving(SMALL_DISK)
    (pinned,) = (version for version, digest in digests.items() if digest == before)
    stack.make("pipit", f"ARGS=pin small-disk {TASK} {pinned}")
    try:
        stack.make("pipit", f"ARGS=promote {TASK} {other} production --profile now --override-gates --reason test")
        stack.wait(lambda: stack.serving() == digests[other], "the first server follows")
        assert stack.serving(SMALL_DISK) == before
    finally:
        stack.make("pipit", f"ARGS=unpin small-disk {TASK}")
    stack.wait(lambda: stack.serving(SMALL_DISK) == digests[other], "the second follows once it may")


def test_a_token_that_make_device_made_speaks_for_that_server_alone(stack: Any) -> None:
    stack.make("device", "DEVICE=pi-kitchen", "SERVERS=emotion")
    token = (stack.secrets / "devices/pi-kitchen/device_tokens/emotion").read_text().strip()
    access = stack.access("device") | {"token": token}
    address = f"127.0.0.1:{stack.ports['PIPIT_REGISTRY_PORT']}"
    with FleetClient(address, **access) as own, stack.fleet("device") as shared:
        stack.wait(lambda: own.report(report("pi-kitchen-emotion")) > 0, "the registry knows the token")
        for fleet, name in ((own, "stack-emotion"), (shared, "pi-kitchen-emotion")):
            with pytest.raises(PermissionDenied, match=name):
                fleet.report(report(name))
        assert listed(stack)["pi-kitchen-emotion"]["has_token"]
        stack.make("pipit", "ARGS=devices remove pi-kitchen-emotion")
        stack.wait(lambda: refused(own), "the token counts no more")
    assert "pi-kitchen-emotion" not in listed(stack)


def listed(stack: Any) -> dict[str, Any]:
    """By id, as the command line says."""
    return {each["device_id"]: each for each in json.loads(stack.make("pipit", "ARGS=devices --json").stdout)}


def report(name: str) -> DeviceReport:
    return DeviceReport(device_id=name, boot_id="a test", sequence=1, environment="production")


def refused(fleet: FleetClient) -> bool:
    try:
        fleet.report(report("pi-kitchen-emotion"))
    except Unauthenticated:
        return True
    return False
