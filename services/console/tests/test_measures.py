from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pipit.errors import Unavailable
from pipit.fleet.types import Device
from pipit_console.measures import latency_by_board, measure
from pipit_console.prometheus import Prometheus
from pipit_console.server import ConsoleServer

TASK = "test.sounds"
_OF = {"task": TASK, "version": "1.1.0"}
Answers = dict[str, list[dict[str, Any]]]


@pytest.fixture
def prometheus(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Answers]]:
    """Address of what answers as Prometheus' HTTP API does, and its answers by what a question begins with."""
    monkeypatch.setattr("pipit_console.prometheus._SECONDS", (60.0, 60.0))
    answers: Answers = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(path.query).items()}
            result = next((found for begin, found in answers.items() if asked["query"].startswith(begin)), [])
            if path.path.endswith("query_range"):
                times = (float(asked["end"]) - float(asked["step"]), float(asked["end"]))
                result = [
                    {"metric": one["metric"], "values": [[at, one["value"][1]] for at in times]} for one in result
                ]
            body = json.dumps({"status": "success", "data": {"result": result}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", answers
    server.shutdown()
    thread.join()
    server.server_close()


def test_tiles_have_what_was_measured_of_their_version(
    prometheus: tuple[str, Answers],
    registry: Any,
    start_console: Callable[..., ConsoleServer],
    browse: Callable[..., Any],
    publish: Callable[..., Any],
) -> None:
    address, answers = prometheus
    answers["task_version:pipit_requests_answered:rate5m"] = [
        {"metric": _OF, "value": [0, "2.5"]},
        {"metric": {**_OF, "version": "1.0.0"}, "value": [0, "99"]},
    ]
    answers["task_version:pipit_unknown:ratio_rate1h"] = [{"metric": _OF, "value": [0, "0.125"]}]
    answers["task_version:pipit_request_seconds:p95_5m"] = [{"metric": _OF, "value": [0, "0.08"]}]
    answers["task_version:pipit_false_alarms:increase1h"] = [{"metric": _OF, "value": [0, "NaN"]}]
    publish("1.1.0")
    browser = browse(start_console(registry, prometheus=address), "opa")
    browser.tell(f"/tasks/{TASK}/promote", {"version": "1.1.0", "profile": "now"})
    found = browser.ask("/overview")
    (tile,) = found["tasks"]
    assert found["prometheus"] == "ok"
    assert (tile["requests_per_second"], tile["unknown_rate"], tile["p95_ms"]) == (2.5, 0.125, 80.0)
    assert tile["false_alarms_per_hour"] is None
    assert [point[1:] for point in tile["history"]] == [[2.5, 0.125, 80.0]] * 2
    assert [each["text"] for each in found["attention"]] == [
        f"95 of 100 answers of {TASK} take 80 ms, and may take 50 ms."
    ]


def test_curves_have_the_same_times_though_minutes_end_between_their_questions(
    prometheus: tuple[str, Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, answers = prometheus
    answers["task_version:"] = [{"metric": _OF, "value": [0, "0.5"]}]
    monkeypatch.setattr("time.time", itertools.count(1_800_000_000.0, 60.0).__next__)
    history = measure(Prometheus(address)).history(TASK, "1.1.0")
    assert history is not None
    assert [point[1:] for point in history] == [(0.5, 0.5, 500.0)] * 2


def test_latency_is_compared_board_by_board(prometheus: tuple[str, Answers]) -> None:
    address, answers = prometheus
    answers["max by (instance, device)"] = [
        {"metric": {"instance": "a:9464", "device": "pi-a"}, "value": [0, "1"]},
        {"metric": {"instance": "b:9464", "device": "pi-b"}, "value": [0, "1"]},
    ]
    for kind, values in (("sum", ("2", "3", "8")), ("count", ("100", "100", "100"))):
        series = (("a:9464", "1.0.0"), ("a:9464", "1.1.0"), ("b:9464", "1.1.0"))
        answers[f"sum by (instance, version) (increase(pipit_request_seconds_{kind}"] = [
            {"metric": {"instance": instance, "version": version}, "value": [0, value]}
            for (instance, version), value in zip(series, values, strict=True)
        ]
    boards = {"pi-a": "Pi 5", "pi-b": "Pi 4"}
    four, five = latency_by_board(Prometheus(address), boards, TASK, "1.0.0", "1.1.0")
    assert (five.board, five.a_ms, five.b_ms, five.a_samples) == ("Pi 5", 20.0, 30.0, 100)
    assert (four.board, four.a_ms, four.b_ms, four.a_samples) == ("Pi 4", None, 80.0, 0)


def test_without_prometheus_all_else_is_there(
    registry: Any, start_console: Callable[..., ConsoleServer], browse: Callable[..., Any], publish: Callable[..., Any]
) -> None:
    publish()
    browser = browse(start_console(registry, prometheus="http://127.0.0.1:1"), "viv")
    found = browser.ask("/overview")
    assert found["prometheus"].startswith("away: Prometheus at http://127.0.0.1:1 does not answer")
    assert (found["tasks"][0]["state"], found["tasks"][0]["p95_ms"]) == ("empty", None)
    assert "Prometheus" in found["attention"][0]["text"]


def test_what_is_no_prometheus_is_said(prometheus: tuple[str, Answers]) -> None:
    address, answers = prometheus
    assert measure(Prometheus(address)).history(TASK, "1.0.0") is None
    answers["x"] = "no list"  # type: ignore[assignment]
    with pytest.raises(Unavailable, match="does not answer"):
        Prometheus("http://127.0.0.1:1/").query("up")
    assert Device("pi").online is False
