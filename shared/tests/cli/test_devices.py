"""`pipit devices`, `pipit pin` and `pipit unpin`, against a service that says what a test lays down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pipit._pb.pipit.fleet.v1 import fleet_pb2 as pb
from pipit.cli.durations import ago, duration
from pipit.cli.exit_codes import ExitCode
from pipit.errors import NotFound, PermissionDenied
from pipit.fleet import Device, PinnedTask, State, TaskReport
from pipit.rpc.mirror import to_proto

TASK = "test.loudness"
NOW = datetime.now(UTC)
SERVES = TaskReport(TASK, "1.1.0", 7, "1.0.0", "ab" * 32, State.SERVING, "golden", "off by 0.3", 0.3, 200.0)
PIN = PinnedTask(TASK, "1.0.0", "ab" * 32, "anna", "old microphone", NOW - timedelta(days=5))
HERE = Device(
    "pi-7", "production", "Raspberry Pi 5", "0.9", NOW, True, (SERVES,), (PIN,), True, 71.4, True, 2_000_000_000
)
AWAY = Device("pi-2\x1b[31m", "staging", last_seen=NOW - timedelta(days=3))


@pytest.fixture
def devices(fleet: Any) -> Any:
    fleet.answers["ListDevices"] = pb.ListDevicesResponse(devices=[to_proto(one, pb.Device) for one in (AWAY, HERE)])
    return fleet


def test_lists_what_each_device_runs(pipit: Any, devices: Any) -> None:
    called = pipit("devices")
    assert called.code == 0
    text = " ".join(called.out.split())
    assert f"pi-7 now production {TASK} 1.0.0 serving pinned to 1.0.0 Raspberry Pi 5 71 throttled 2000.0 MB yes" in text
    assert "pi-2\\x1b[31m 3 d ago staging" in text
    assert called.out.splitlines()[-1] == "1 of 2 online"
    assert pipit("devices", "list", "--environment", "staging", "--task", TASK).out == called.out
    assert devices.asked[1] == pb.ListDevicesRequest(environment="staging", task=TASK)


def test_lists_them_as_json(pipit: Any, devices: Any) -> None:
    listed = pipit("devices", "--json").json()
    assert listed == pipit("devices", "list", "--json").json()
    assert [(one["device_id"], one["online"]) for one in listed] == [("pi-2\x1b[31m", False), ("pi-7", True)]


def test_no_device(pipit: Any, fleet: Any) -> None:
    fleet.answers["ListDevices"] = pb.ListDevicesResponse()
    assert pipit("devices").out.startswith("no device is known")
    assert pipit("devices", "--json").json() == []


def test_shows_why_a_device_refused_a_version(pipit: Any, devices: Any) -> None:
    text = " ".join(pipit("devices", "show", "pi-7").out.split())
    assert "processor 71 throttled °C" in text
    assert f"{TASK} 1.1.0 1.0.0 serving for 3 min golden: off by 0.3 golden samples differ by 0.3 at most" in text
    assert f"{TASK} is pinned to 1.0.0 since 5 d ago by anna: old microphone" in text
    assert pipit("devices", "show", "pi-7", "--json").json()["tasks"][0]["failed_step"] == "golden"
    assert pipit("devices", "show", "pi-8").code == ExitCode.NOT_FOUND


def test_a_token_is_all_that_standard_output_gets(pipit: Any, fleet: Any) -> None:
    fleet.answers["AddDevice"] = pb.AddDeviceResponse(token="pipit-device.pi-7.abc")
    called = pipit("devices", "add", "pi-7", "--task", TASK)
    assert called.out == "pipit-device.pi-7.abc\n"
    assert "abc" not in called.err
    assert "PIPIT_SERVING_DEVICE_ID=pi-7" in called.err
    assert "counts no more" not in called.err
    fleet.answers["AddDevice"].replaced = True
    assert "the token that pi-7 had counts no more" in pipit("devices", "add", "pi-7").err
    assert pipit("devices", "add", "pi-7", "--json").json() == {
        "device_id": "pi-7",
        "token": "pipit-device.pi-7.abc",
        "replaced": True,
    }
    assert fleet.asked[0] == pb.AddDeviceRequest(device_id="pi-7", tasks=[TASK])


def test_forgets_a_device(pipit: Any, fleet: Any) -> None:
    fleet.answers["RemoveDevice"] = pb.RemoveDeviceResponse()
    assert pipit("devices", "remove", "pi-7").out == "pi-7 is forgotten, and its token counts no more\n"
    fleet.answers["RemoveDevice"] = NotFound("no device pi-8")
    assert pipit("devices", "remove", "pi-8").code == ExitCode.NOT_FOUND


def test_pins_and_unpins(pipit: Any, fleet: Any) -> None:
    fleet.answers = {"Pin": pb.PinResponse(pin=to_proto(PIN, pb.PinnedTask)), "Unpin": pb.UnpinResponse()}
    called = pipit("pin", "pi-7", TASK, "1.0.0", "--reason", "old microphone")
    assert called.out == f"pi-7 stays at 1.0.0 of {TASK}\nuntil pipit unpin pi-7 {TASK}\n"
    pinned = pipit("pin", "pi-7", TASK, "1.0.0", "--json").json()
    assert (pinned["device_id"], pinned["version"], pinned["by"]) == ("pi-7", "1.0.0", "anna")
    assert pipit("unpin", "pi-7", TASK).out == f"pi-7 follows its environment again with {TASK}\n"
    assert fleet.asked[0] == pb.PinRequest(device_id="pi-7", task=TASK, version="1.0.0", reason="old microphone")
    assert fleet.asked[2] == pb.UnpinRequest(device_id="pi-7", task=TASK)
    fleet.answers["Pin"] = PermissionDenied("ben may not")
    assert pipit("pin", "pi-7", TASK, "1.0.0").code == ExitCode.NOT_ALLOWED


def test_lengths_of_time() -> None:
    assert [duration(seconds) for seconds in (0.4, 15, 119, 120, 3600, 7200, 86400, 200_000)] == [
        "0 s",
        "15 s",
        "119 s",
        "2 min",
        "60 min",
        "2 h",
        "24 h",
        "2 d",
    ]
    assert [ago(None, NOW), ago(NOW + timedelta(seconds=9), NOW)] == ["never", "0 s ago"]
