"""Rollouts, devices and pins by commands, with a real registry and a device that reports as one does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pipit.cli.exit_codes import ExitCode
from pipit.fleet import DeviceReport, FleetClient, State, TaskReport

pytest.importorskip("model_registry", reason="needs services/registry")

TASK = "test.loudness"


@pytest.fixture
def call(pipit: Any, registry: str, monkeypatch: pytest.MonkeyPatch, make_bundle: Callable[..., Any]) -> Any:
    """`pipit`, with a registry in its settings that holds 1.0.0, in production, and 1.1.0."""

    def call(*arguments: object) -> Any:
        monkeypatch.setenv("PIPIT_REGISTRY", registry)
        return pipit(*arguments)

    for version in ("1.0.0", "1.1.0"):
        assert call("publish", make_bundle(version).path).code == 0
    assert "Nothing was promoted to production before" in call("promote", TASK, "1.0.0").out
    return call


@pytest.fixture
def device(registry: str, call: Any) -> None:
    """pi-7 serves 1.0.0."""
    serves = TaskReport(TASK, "1.0.0", 1, "1.0.0", "", State.SERVING, active_seconds=60.0)
    with FleetClient(registry) as client:
        client.report(DeviceReport("pi-7", "boot", 1, "production", board="a Pi", tasks=(serves,), up_seconds=90.0))


def test_without_a_device_a_version_moves_at_once_and_says_why(call: Any) -> None:
    called = call("promote", TASK, "1.1.0", "--wait")
    assert called.code == 0
    assert f"production of {TASK} points to 1.1.0. No device with this task was seen" in " ".join(called.out.split())
    assert call("rollout", "explain", TASK).code == ExitCode.NOT_FOUND


@pytest.mark.usefixtures("device")
def test_a_rollout_from_its_start_to_its_stop(call: Any) -> None:
    begun = call("promote", TASK, "1.1.0", "--json").json()
    assert (begun["promoted"], begun["rollout"]["order"], begun["environment"]["version"]) == (False, ["pi-7"], "1.0.0")
    again = call("promote", TASK, "1.1.0")
    assert again.code == ExitCode.CONFLICT
    assert begun["rollout"]["id"] in again.err
    assert [one["id"] for one in call("rollout", "list", "--open", "--json").json()] == [begun["rollout"]["id"]]
    assert "waits" in call("rollout", "explain", TASK).out
    assert call("rollout", "pause", TASK, "--reason", "a look", "--json").json()["state"] == "paused"
    assert call("rollout", "resume", TASK, "--json").json()["state"] == "prefetching"
    assert f"stopped, production of {TASK} stays at 1.0.0" in call("rollout", "abort", TASK, "--reason", "barks").out
    watched = call("rollout", "watch", TASK)
    assert (watched.code, "barks" in watched.out) == (ExitCode.ROLLOUT_STOPPED, True)
    last = call("history", TASK, "--json").json()[-1]
    assert (last["action"], last["from_version"], last["to_version"]) == ("stop", "1.1.0", "1.0.0")


@pytest.mark.usefixtures("device")
def test_going_back_stops_a_rollout_and_at_once_takes_its_place(call: Any) -> None:
    assert call("promote", TASK, "1.1.0").code == 0
    assert call("rollback", TASK).code == 0
    assert call("rollout", "list", "--open", "--json").json() == []
    assert call("promote", TASK, "1.1.0").code == 0
    moved = call("promote", TASK, "1.1.0", "--profile", "now", "--supersede", "--json").json()
    assert (moved["promoted"], moved["environment"]["version"]) == (True, "1.1.0")
    assert call("rollout", "watch", TASK).code == ExitCode.ROLLOUT_STOPPED


@pytest.mark.usefixtures("device")
def test_a_device_is_listed_pinned_and_forgotten(call: Any) -> None:
    assert [one["device_id"] for one in call("devices", "--json").json()] == ["pi-7"]
    assert call("pin", "pi-7", TASK, "1.1.0", "--reason", "old microphone").code == 0
    assert f"{TASK} is pinned to 1.1.0" in call("devices", "show", "pi-7").out
    assert call("unpin", "pi-7", TASK).code == 0
    assert call("unpin", "pi-7", TASK).code == ExitCode.NOT_FOUND
    assert call("pin", "pi-7", TASK, "9.9.9").code == ExitCode.NOT_FOUND
    assert call("devices", "add", "pi-8").out.startswith("pipit-device.pi-8.")
    assert call("devices", "add", "pi-8", "--json").json()["replaced"] is True
    assert call("devices", "remove", "pi-8").code == 0
    assert call("devices", "remove", "pi-8").code == ExitCode.NOT_FOUND


@pytest.mark.usefixtures("device")
def test_first_names_a_device_that_is_there(call: Any) -> None:
    refused = call("promote", TASK, "1.1.0", "--first", "pi-9")
    assert refused.code == ExitCode.BAD_INPUT
    assert "pi-9: no such device was seen here" in refused.err
