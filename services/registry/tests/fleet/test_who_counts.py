"""What one device, one copy or one broken document does must not decide over all: who counts, and for how much."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fleet_copies import TASK
from model_registry.fleet.sheets import Sheets
from model_registry.server import RegistryServer
from model_registry.settings import RegistrySettings
from pipit.errors import QueueFull
from pipit.fleet import DeviceReport, FleetClient, State, TaskReport
from pipit.registry import RegistryClient
from pipit.rpc.auth import hash_token
from pipit.storage import LocalStore
from pydantic import ValidationError

Published = Callable[[], LocalStore]


def report(device: str, boot: str = "one", sequence: int = 1) -> DeviceReport:
    told = TaskReport(TASK, active_version="1.0.0", state=State.SERVING)
    return DeviceReport(device, boot, sequence, "production", tasks=(told,))


def test_a_device_is_not_silent_because_another_copy_is(tmp_path: Path, copy_of: Callable[..., Any]) -> None:
    """That copy hears it; what it heard lies on no sheet as long as its store is slow."""
    store = LocalStore(tmp_path / "store")
    here, there = copy_of(store, "a"), copy_of(store, "b")
    here.round()
    there.sheets.report(report("pi-7"))
    there.round()
    here.clock.seconds += 5.0
    here.round()

    def silent() -> float:
        return float(here.devices.fleet("production")["pi-7"].seconds)

    assert silent() == 0.0
    here.clock.seconds += 60.0
    assert silent() == 0.0
    # A copy that has not written for so long is dead, and with it went what it heard.
    here.clock.seconds += 60.0
    assert silent() == pytest.approx(120.0)


def test_a_device_that_has_started_elsewhere_since_is_known_by_its_new_start(
    tmp_path: Path, copy_of: Callable[..., Any]
) -> None:
    store = LocalStore(tmp_path / "store")
    here, there = copy_of(store, "a"), copy_of(store, "b")
    there.sheets.report(report("pi-7", "one", 9))
    there.round()
    here.round()
    here.clock.seconds += 3.0
    here.sheets.report(report("pi-7", "two"))
    here.clock.seconds += 20.0
    (process,) = here.devices.fleet("production")["pi-7"].processes
    assert (process.report.boot_id, process.seconds, process.before.boot_id) == ("two", 20.0, "one")


def test_a_boot_before_holds_its_share_of_the_memory(tmp_path: Path) -> None:
    sheets = Sheets(LocalStore(tmp_path), max_devices=15)
    sheets.report(report("pi-1", "one"), 100_000)
    sheets.report(report("pi-1", "two"), 100)
    with pytest.raises(QueueFull, match="too large together"):
        sheets.report(report("pi-2"), 50_000)
    # The report of the boot before goes with the boot after the next one.
    sheets.report(report("pi-1", "three"), 100)
    sheets.report(report("pi-2"), 50_000)


def test_a_device_that_never_said_a_word_is_no_part_of_a_rollout(
    published: Published, copy_of: Callable[..., Any], fleet: Callable[..., Any]
) -> None:
    copy, devices = copy_of(published()), fleet(3)
    devices.second(copy)
    with copy.sheets.watching("pi-mute", "production", (TASK,)):
        order = copy.start().pointer.rollout.order
    assert sorted(order)[:3] == ["pi-0", "pi-1", "pi-2"]
    assert order[3:] == ("pi-mute",)


def test_a_reader_can_not_invent_devices(
    start: Callable[..., RegistryServer], connect: Callable[..., RegistryClient], tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens.yaml"
    callers = [f"{{name: {role}, roles: [{role}], sha256: {hash_token(role)}}}" for role in ("reader", "device")]
    tokens.write_text(f"callers: [{', '.join(callers)}]")
    server = start(tokens=tokens)
    streams = [connect(server, role).watch((TASK,), "production", f"pi-{role}") for role in ("reader", "device")]
    for stream in streams:
        next(iter(stream))
    with FleetClient(f"127.0.0.1:{server.port}", "reader") as client:
        assert [device.device_id for device in client.list_devices()] == ["pi-device"]
    for stream in streams:
        stream.close()


def test_a_rollout_that_can_not_be_judged_keeps_no_other_from_it(
    published: Published, copy_of: Callable[..., Any], fleet: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, devices = copy_of(published()), fleet()
    devices.second(copy)
    copy.start()
    copy.environments.promote(TASK, "1.0.0", "canteen", "anna")
    expected = copy.rollouts.expected

    def broken(task: str, rollout: Any) -> Any:
        if rollout.to_version == "3.0.0":
            raise ZeroDivisionError
        return expected(task, rollout)

    monkeypatch.setattr(copy.rollouts, "expected", broken)
    stuck = copy.environments.change(
        TASK, "canteen", lambda pointer: pointer.rollout_started(copy.pointer.rollout.model_copy(
            update={"to_version": "3.0.0", "id": "r-0000000000ff"}
        ))
    )  # fmt: skip
    assert stuck.name < copy.pointer.name
    assert devices.until_over(copy).version == "2.0.0"
    assert copy.environments.pointer(TASK, "canteen").rollout is not None


def test_a_closed_rollout_that_can_not_be_read_hides_no_other(
    published: Published, copy_of: Callable[..., Any], fleet: Callable[..., Any]
) -> None:
    store = published()
    copy, devices = copy_of(store), fleet(3)
    devices.second(copy)
    copy.start()
    devices.until_over(copy)
    copy.round()
    store.create(f"models/{TASK}/rollouts/r-ffffffffffff.json", b"{")
    (found,) = copy.rollouts.list("", "", False, lambda task: True)
    assert found.to_version == "2.0.0"
    assert copy.rollouts.list("", "", False, lambda task: False) == ()


@pytest.mark.parametrize("setting", [{"report_seconds": 31.0}, {"rollout_report_seconds": 16.0}])
def test_devices_are_asked_as_often_as_the_rules_need(setting: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="less than or equal to"):
        RegistrySettings(**setting)
