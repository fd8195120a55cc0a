from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from pipit.fleet.client import FleetClient
from pipit.fleet.types import DeviceReport, State, TaskReport
from pipit_console.server import ConsoleServer

TASK = "test.sounds"
Browse = Callable[..., Any]


def report(device: str, version: str, sequence: int = 1, **fields: Any) -> DeviceReport:
    tasks = (
        TaskReport(TASK, "1.1.0", 1, version, "d" * 64, State.SERVING, golden_deviation=2e-5, active_seconds=60.0),
    )
    given = {"board": "Raspberry Pi 5", "tasks": tasks, "up_seconds": 90.0, "cpu_temperature": 50.0, **fields}
    return DeviceReport(device, f"boot-of-{device}", sequence, "production", **given)


@pytest.fixture
def house(publish: Callable[..., Any], fleet: FleetClient, console: ConsoleServer, browse: Browse) -> Any:
    """Two versions; 1.1.0 promoted by opa, whose browser this is; of two devices one is behind."""
    publish("1.0.0", 0.8)
    publish("1.1.0", 0.9)
    browser = browse(console, "opa")
    body = {"version": "1.1.0", "profile": "now", "reason": "it is better"}
    assert browser.tell(f"/tasks/{TASK}/promote", body)["rollout"] is None
    fleet.report(report("pi-1", "1.1.0"))
    fleet.report(report("pi-2", "1.0.0", cpu_temperature=84.0))
    return browser


def test_the_overview_tells_what_is_served_and_what_needs_somebody(house: Any) -> None:
    found = house.ask("/overview")
    assert (found["environment"], found["environments"], found["prometheus"]) == ("production", ["production"], "none")
    (tile,) = found["tasks"]
    assert tile["devices"] == {"in_step": 1, "total": 2, "online": 2}
    assert (tile["task"], tile["version"], tile["state"]) == (TASK, "1.1.0", "behind")
    assert (tile["input_kind"], tile["budget_ms"], tile["p95_ms"], tile["history"]) == ("audio", 50.0, None, None)
    assert [each["device"] for each in found["attention"]] == ["pi-2"]
    assert "84 °C" in found["attention"][0]["text"]
    (move,) = found["moves"]
    assert (move["by"], move["to_version"], move["reason"]) == ("opa", "1.1.0", "it is better")
    assert found["label_queues"] == [{"task": TASK, "waiting": 0, "disagreements": 0}]


def test_tasks_and_versions_are_told_with_their_proof(house: Any) -> None:
    (line,) = house.ask("/tasks")
    assert (line["versions"], line["environments"][0]["version"]) == (2, "1.1.0")
    task = house.ask(f"/tasks/{TASK}")
    assert [each["version"] for each in task["versions"]] == ["1.1.0", "1.0.0"]
    assert task["versions"][0]["environments"] == ["production"]
    assert (task["labels"], task["metrics"]) == (["quiet", "loud"], ["accuracy"])
    assert [move["action"] for move in task["history"]] == ["promote"]
    version = house.ask(f"/tasks/{TASK}/versions/1.1.0")
    assert version["model_card"] == f"# {TASK} 1.1.0"
    (metric,) = version["metrics"]
    assert (metric["name"], metric["value"], metric["low"], metric["samples"]) == ("accuracy", 0.9, 0.85, 100)
    assert version["gates"] == [{"name": "good", "passed": True, "text": "good: accuracy is 0.9, must be > 0.7"}]
    assert version["confusion"] == {"labels": ["quiet", "loud"], "matrix": [[40, 10], [20, 30]]}
    assert version["per_class"][1] == {"label": "loud", "precision": None, "recall": 0.6, "f1": 0.9, "samples": 50}
    assert (version["signature"]["state"], version["lineage"]["seed"]) == ("unsigned", "7")
    assert version["devices"] == [
        {"device_id": "pi-1", "board": "Raspberry Pi 5", "state": "serving", "golden_deviation": 2e-5},
        {"device_id": "pi-2", "board": "Raspberry Pi 5", "state": "serving", "golden_deviation": None},
    ]
    assert (version["thresholds"], version["variants"][0]["bytes"]) == ({"loud": 0.6}, 5)
    (plot,) = version["plots"]
    picture = house.get(plot["url"])
    assert (picture.headers["content-type"], picture.content[:4]) == ("image/png", b"\x89PNG")
    for path in ("weights.onnx", "../weights.onnx", "none.png", "golden.npz"):
        assert house.get(f"/api/v1/tasks/{TASK}/versions/1.1.0/files/{path}").status_code == 404
    assert house.get(f"/api/v1/tasks/{TASK}/versions/9.9.9").status_code == 404


def test_two_versions_are_compared_by_what_differs(house: Any) -> None:
    found = house.ask(f"/tasks/{TASK}/compare", a="1.0.0", b="1.1.0")
    (metric,) = found["metrics"]
    assert (metric["a"], metric["b"], metric["a_low"]) == (0.8, 0.9, 0.75)
    assert metric["difference"] == pytest.approx(0.1)
    assert found["per_class"][1]["difference"] == pytest.approx(0.1)
    assert found["confusion"]["a"]["matrix"] == [[40, 10], [20, 30]]
    assert (found["facts"], found["latency"]) == ([], [])


def test_a_rollout_is_begun_watched_paused_and_aborted(house: Any, fleet: FleetClient) -> None:
    started = house.tell(f"/tasks/{TASK}/promote", {"version": "1.0.0", "profile": "careful", "reason": "back"})
    assert started["rollout"]["to_version"] == "1.0.0"
    assert house.ask("/rollouts", open=1)[0]["id"] == started["rollout"]["id"]
    assert house.ask("/overview")["tasks"][0]["state"] == "moving"
    view = house.ask(f"/rollouts/{TASK}/production")
    assert {lane["device_id"] for lane in view["lanes"]} == {"pi-1", "pi-2"}
    assert view["explanation"]
    again = house.post(f"/api/v1/tasks/{TASK}/promote", json={"version": "1.0.0", "profile": "fast"})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "rollout_open")
    assert house.tell(f"/rollouts/{TASK}/production/pause", {"reason": "look"})["state"] == "paused"
    assert house.tell(f"/rollouts/{TASK}/production/resume", {})["state"] != "paused"
    assert house.tell(f"/rollouts/{TASK}/production/abort", {"reason": "no"})["state"] == "aborted"
    attention = house.ask("/overview")["attention"]
    assert (attention[0]["level"], attention[0]["task"]) == ("error", TASK)
    assert house.ask("/rollouts", open=1) == []
    assert house.post(f"/api/v1/rollouts/{TASK}/production/stop", json={}).status_code == 400


def test_an_environment_goes_back(house: Any) -> None:
    house.tell(f"/tasks/{TASK}/promote", {"version": "1.0.0", "profile": "now"})
    back = house.tell(f"/tasks/{TASK}/rollback", {"reason": "barks"})
    assert back == {"task": TASK, "environment": "production", "version": "1.1.0"}
    assert house.ask(f"/tasks/{TASK}")["history"][0]["action"] == "rollback"


def test_a_device_tells_its_past_and_is_pinned(house: Any) -> None:
    assert [device["device_id"] for device in house.ask("/devices")] == ["pi-1", "pi-2"]
    found = house.ask("/devices/pi-1")
    assert [event["kind"] for event in found["timeline"]].count("swap") == 1
    kinds = {event["kind"]: event["text"] for event in found["timeline"]}
    assert kinds["swap"] == "1.1.0 began to answer"
    assert kinds["move"] == "promote of production to 1.1.0 by opa"
    assert kinds["restart"] == "it started"
    assert house.tell(f"/devices/pi-1/pins/{TASK}", {"version": "1.0.0", "reason": "test"}, "PUT")["by"] == "opa"
    assert house.ask("/devices/pi-1")["device"]["pins"][0]["version"] == "1.0.0"
    assert house.delete(f"/api/v1/devices/pi-1/pins/{TASK}").json() == {"done": True}
    assert house.get("/api/v1/devices/none").status_code == 404


def test_the_support_archive_holds_what_helps_and_no_secret(house: Any, keep: Callable[..., Any]) -> None:
    house.tell(f"/devices/pi-1/pins/{TASK}", {"version": "1.0.0"}, "PUT")
    keep(1)
    answer = house.get("/api/v1/devices/pi-1/archive")
    assert answer.headers["content-disposition"] == 'attachment; filename="pi-1.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        content = {name: file.read(name).decode() for name in file.namelist()}
    assert set(content) == {"README.txt", "device.json", "rollouts.json", "audit.jsonl"}
    assert json.loads(content["device.json"])["device_id"] == "pi-1"
    actions = [json.loads(line)["action"] for line in content["audit.jsonl"].splitlines()]
    assert "pin" in actions
    assert not any("token" in text or "pi-2" in text for text in content.values() if text != content["device.json"])


def test_viewers_see_and_change_nothing(house: Any, console: ConsoleServer, browse: Browse) -> None:
    viewer = browse(console, "viv")
    assert viewer.ask("/overview")["label_queues"] == []
    assert viewer.ask("/label") == []
    for method, path, body in (
        ("POST", f"/tasks/{TASK}/promote", {"version": "1.0.0"}),
        ("POST", f"/tasks/{TASK}/rollback", {}),
        ("POST", f"/rollouts/{TASK}/production/pause", {}),
        ("PUT", f"/devices/pi-1/pins/{TASK}", {"version": "1.0.0"}),
        ("PUT", f"/consents/pi-1/{TASK}", {"text": "yes"}),
        ("DELETE", f"/examples/{TASK}?day=20261129", None),
        ("GET", f"/label/{TASK}/queue", None),
        ("GET", f"/label/{TASK}/summary", None),
        ("POST", f"/label/{TASK}/labels", {"label": "x"}),
        ("POST", f"/label/{TASK}/freeze", {"name": "x"}),
    ):
        answer = viewer.request(method, f"/api/v1{path}", json=body)
        assert (path, answer.status_code) == (path, 403)
        assert "role" in answer.json()["error"]["message"]


def test_who_may_ask_other_tasks_sees_none_of_this(house: Any, console: ConsoleServer, browse: Browse) -> None:
    few = browse(console, "few")
    assert (few.ask("/tasks"), few.ask("/overview")["tasks"], few.ask("/label")) == ([], [], [])
    for path in (f"/tasks/{TASK}", f"/label/{TASK}/queue", f"/rollouts/{TASK}/production"):
        assert (path, few.get(f"/api/v1{path}").status_code) == (path, 403)


def test_consents_are_given_shown_and_withdrawn(house: Any, keep: Callable[..., Any]) -> None:
    body = {"text": "Anna and Ben agreed", "low": 0.3, "rate": 0.5, "keep_days": 30}
    given = house.tell(f"/consents/pi-1/{TASK}", body, "PUT")
    assert (given["given_by"], given["low"], given["high"], given["keep_days"]) == ("opa", 0.3, 0.6, 30)
    kept = keep(2)
    assert [each["examples"] for each in house.ask("/departures", device="pi-1")] == [2]
    assert house.ask("/devices/pi-1")["departures"][0]["examples"] == 2
    deleted = house.delete(f"/api/v1/examples/{TASK}", params={"id": kept[0].id})
    assert deleted.json() == {"deleted": 1}
    assert house.delete(f"/api/v1/examples/{TASK}").status_code == 400
    assert house.delete(f"/api/v1/consents/pi-1/{TASK}").json() == {"done": True}
    assert house.ask("/consents") == []
    assert house.put(f"/api/v1/consents/pi-1/{TASK}", json={"text": "yes", "low": 2.0}).status_code == 400
