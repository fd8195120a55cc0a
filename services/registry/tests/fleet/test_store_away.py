"""The store goes away: tokens that are known count on, nobody is taken for silent, and what was heard is not lost."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from model_registry.server import RegistryServer
from pipit.errors import PipitError, Unauthenticated, Unavailable
from pipit.fleet import DeviceReport, FleetClient
from pipit.rpc.auth import hash_token
from pipit.storage import LocalStore


def outcome(call: Callable[[], object]) -> str:
    try:
        call()
    except PipitError as error:
        return error.status
    return "OK"


def test_a_copy_without_its_store(
    start: Callable[..., RegistryServer],
    s3_endpoint: str,
    wire_to: Callable[[str], Any],
    tmp_path: Path,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    pytest.importorskip("minio")
    anna = {"name": "anna", "roles": ["operator"], "sha256": hash_token("anna")}
    (tmp_path / "tokens.json").write_text(json.dumps({"callers": [anna]}))
    wire = wire_to(s3_endpoint)
    settings = {
        "minio_endpoint": f"127.0.0.1:{wire.port}",
        "minio_bucket": f"fleet-{uuid.uuid4().hex[:12]}",
        "minio_access_key": "test",
        "minio_secret_key": "testtest",
        "minio_secure": False,
        "tokens": tmp_path / "tokens.json",
    }
    here = start(**settings)
    with FleetClient(f"127.0.0.1:{here.port}", "anna", 60) as operator:
        token, _ = operator.add_device("pi-7")
        other = token.replace("pi-7", "pi-8")
        with FleetClient(f"127.0.0.1:{here.port}", token, 60) as device:
            assert device.report(DeviceReport("pi-7", "boot", 1, "production")) == 30.0
            wire.cut()
            # From memory, all of it.
            assert device.report(DeviceReport("pi-7", "boot", 2, "production")) == 30.0
            assert [one.device_id for one in device.list_devices()] == ["pi-7"]
            with pytest.raises(Unavailable, match="can't be reached"):
                operator.add_device("pi-8")

            there = start(**settings)
            with (
                FleetClient(f"127.0.0.1:{there.port}", token, 60) as known,
                FleetClient(f"127.0.0.1:{there.port}", other, 60) as forged,
            ):
                for client in (known, forged):
                    with pytest.raises(Unavailable, match="has not read its devices yet"):
                        client.list_devices()
                wire.mend()
                eventually(lambda: outcome(known.list_devices) == "OK")
                # One token may be known before all were read, and until then no other is said to be forged.
                eventually(lambda: outcome(forged.list_devices) == Unauthenticated.status)
                eventually(lambda: [one.device_id for one in known.list_devices()] == ["pi-7"])


def test_nobody_is_silent_for_longer_than_a_copy_listens(
    published: Callable[[], LocalStore], copy_of: Callable[..., Any], fleet: Callable[..., Any]
) -> None:
    store, devices = published(), fleet(2)
    first = copy_of(store, "first")
    devices.second(first)
    devices.clock.seconds += 600
    later = copy_of(store, "later")
    later.round()
    seen = later.devices.fleet("production")
    assert [(one.online, one.seconds) for one in seen.values()] == [(False, 0.0), (False, 0.0)]
    devices.clock.seconds += 20
    later.sheets.interrupted()
    devices.clock.seconds += 7
    assert [one.seconds for one in later.devices.fleet("production").values()] == [7.0, 7.0]
