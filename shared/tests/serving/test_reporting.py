"""A device reports to a real server: at the start, at each change, when it's due; and bears its absence."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from pipit._pb.pipit.fleet.v1 import fleet_pb2 as pb
from pipit._pb.pipit.fleet.v1 import fleet_pb2_grpc
from pipit.fleet import DeviceReport, FleetClient, State, TaskReport, WindowKind
from pipit.metrics import Metrics
from pipit.registry.types import Assignment, Target
from pipit.rpc.mirror import from_proto
from pipit.serving import reporting
from pipit.serving.counts import Counts, TaskCounts
from pipit.serving.reporting import Reporter
from pipit.serving.tally import TaskTally
from structlog.testing import capture_logs
from tiny import TASK


class Fleet(fleet_pb2_grpc.FleetServiceServicer):  # type: ignore[misc]  # generated code has no types
    """Takes reports, or refuses them."""

    def __init__(self) -> None:
        self.seen: queue.Queue[DeviceReport] = queue.Queue()
        self.next_seconds = 3600.0
        self.refusal: tuple[grpc.StatusCode, str] | None = None

    def Report(self, request: pb.ReportRequest, context: grpc.ServicerContext) -> pb.ReportResponse:  # noqa: N802
        self.seen.put(from_proto(request, DeviceReport))
        if self.refusal is not None:
            context.abort(*self.refusal)
        return pb.ReportResponse(next_seconds=self.next_seconds)

    def next(self) -> DeviceReport:
        return self.seen.get(timeout=30)


class Host:
    """One whose report a test changes."""

    def __init__(self) -> None:
        self.says = TaskReport(TASK, state=State.LOADING)

    def report(self) -> TaskReport:
        return self.says


class Device:
    """A reporter with what it reports of."""

    def __init__(self, address: str, **more: Any) -> None:
        self.host = Host()
        self.counts = TaskCounts()
        self.tally = TaskTally(TASK, self.counts)
        self.metrics = Metrics("inference")
        self.client = FleetClient(address)
        self.reporter = Reporter(
            self.client,
            "attic",
            "production",
            {TASK: self.host},
            {TASK: self.tally},
            self.metrics,
            jitter=lambda: 1.0,
            **more,
        )

    def reports(self, result: str) -> float:
        return self.metrics.registry.get_sample_value("pipit_reports_total", {"result": result}) or 0.0

    def stop(self) -> None:
        self.reporter.settle()
        self.client.close()
        self.reporter.stop()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def listen(pool: ThreadPoolExecutor, servicer: Fleet | None, port: int = 0) -> tuple[grpc.Server, int]:
    server = grpc.server(pool)
    if servicer is not None:
        fleet_pb2_grpc.add_FleetServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, port


@pytest.fixture
def fleet(pool: ThreadPoolExecutor) -> Iterator[Fleet]:
    fleet = Fleet()
    server, fleet.port = listen(pool, fleet)  # type: ignore[attr-defined]
    yield fleet
    server.stop(None).wait()


@pytest.fixture
def device(fleet: Any) -> Iterator[Device]:
    device = Device(f"127.0.0.1:{fleet.port}", process=3)
    yield device
    device.stop()


def model(version: str) -> Any:
    return SimpleNamespace(
        identity=SimpleNamespace(version=version),
        manifest=SimpleNamespace(expected=SimpleNamespace(latency_budget_ms=20.0)),
        meters=SimpleNamespace(labels=("low", "high")),
        names_people=False,
    )


def test_a_report_says_who_and_what(fleet: Any, device: Device) -> None:
    device.counts.of(model("1.0.0")).answered(0.5)
    device.counts.of(model("1.0.0")).failed("INTERNAL")
    device.reporter.start()
    report = fleet.next()
    assert (report.device_id, report.environment, report.process, report.sequence) == ("attic", "production", 3, 1)
    assert len(report.boot_id) == 16
    assert report.board
    assert report.software == reporting.version("pipit-shared")
    assert report.memory_available is not None
    assert report.memory_available > 0
    assert 0.0 <= report.up_seconds < 3600.0
    assert report.tasks == (device.host.says,)
    (window,) = report.windows
    assert (window.kind, window.version, window.answered, window.errors) == (
        WindowKind.LIVE,
        "1.0.0",
        1,
        {"INTERNAL": 1},
    )
    assert window.over_budget == 1


def test_each_process_has_a_boot_of_its_own(fleet: Any) -> None:
    first, second = (Device(f"127.0.0.1:{fleet.port}") for _ in range(2))
    assert first.reporter.report().boot_id != second.reporter.report().boot_id
    assert [first.reporter.report().sequence for _ in range(2)] == [2, 3]
    first.stop()
    second.stop()


def test_the_registry_says_when_the_next_one_is_due(fleet: Any, device: Device) -> None:
    fleet.next_seconds = 0.2
    device.reporter.start()
    assert [fleet.next().sequence for _ in range(3)] == [1, 2, 3]
    assert device.reports("taken") >= 2.0


def test_a_change_goes_at_once_and_nothing_else_does(fleet: Any, device: Device) -> None:
    device.reporter.start()
    assert fleet.next().tasks[0].state is State.LOADING
    device.reporter.changed()
    device.host.says = TaskReport(TASK, active_version="1.0.0", state=State.SERVING, active_seconds=1.0)
    device.reporter.changed()
    assert fleet.next().tasks[0].state is State.SERVING
    # Time that passes is no change.
    device.host.says = TaskReport(TASK, active_version="1.0.0", state=State.SERVING, active_seconds=9.0)
    device.reporter.changed()
    device.tally.assigned(Assignment(TASK, "production", "1.0.0", "d" * 64, 5, "r-1", 0, Target("2.0.0", "e" * 64)))
    device.reporter.changed()
    report = fleet.next()
    assert (report.sequence, report.tasks[0].active_seconds) == (3, 9.0)


def test_a_registry_that_is_away_is_borne(pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(reporting, "LONGEST_PAUSE", 0.05)
    fleet = Fleet()
    fleet.next_seconds = 0.05
    server, port = listen(pool, fleet)
    device = Device(f"127.0.0.1:{port}")
    with capture_logs() as logs:
        device.reporter.start()
        fleet.next()
        server.stop(None).wait()
        while device.reports("away") < 3.0:
            threading.Event().wait(0.01)
        server, _ = listen(pool, fleet, port)
        while not fleet.seen.empty():
            fleet.next()
        fleet.next()
        while not any(entry.get("result") == "taken" for entry in logs):
            threading.Event().wait(0.01)
    device.stop()
    server.stop(None).wait()
    # Once when it goes, and once when it's back; not at each try.
    assert [(entry["log_level"], entry["result"]) for entry in logs if entry["event"] == "reports"] == [
        ("info", "away"),
        ("info", "taken"),
    ]


def test_a_registry_that_is_too_old_is_left_alone(pool: ThreadPoolExecutor) -> None:
    server, port = listen(pool, None)
    device = Device(f"127.0.0.1:{port}")
    with capture_logs() as logs:
        assert device.reporter._send() == reporting.UNKNOWN_PAUSE
        assert device.reporter._send() == reporting.UNKNOWN_PAUSE
    assert device.reports("unknown") == 2.0
    (entry,) = [entry for entry in logs if entry["event"] == "reports"]
    assert "too old" in entry["reason"]
    device.stop()
    server.stop(None).wait()


def test_a_refusal_is_said_once_with_what_to_do(fleet: Any, device: Device) -> None:
    fleet.refusal = grpc.StatusCode.PERMISSION_DENIED, "this token is another device's"
    with capture_logs() as logs:
        assert device.reporter._send() == reporting.REFUSED_PAUSE
        assert device.reporter._send() == reporting.REFUSED_PAUSE
    assert device.reports("refused") == 2.0
    (entry,) = [entry for entry in logs if entry["event"] == "reports"]
    assert entry["log_level"] == "warning"
    assert entry["reason"] == (
        "this token is another device's; give this device a token of its own (pipit devices add) in PIPIT_TOKEN"
    )


def test_pauses_grow_to_a_limit(fleet: Any, device: Device) -> None:
    fleet.refusal = grpc.StatusCode.UNAVAILABLE, "not now"
    assert [device.reporter._send() for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    fleet.refusal = None
    assert device.reporter._send() == 600.0
    fleet.refusal = grpc.StatusCode.UNAVAILABLE, "not now"
    assert device.reporter._send() == 1.0


def test_a_fault_of_ours_ends_no_reports(fleet: Any, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "LONGEST_PAUSE", 0.01)
    faults = iter([RuntimeError("broken")])

    def windows() -> tuple[Any, ...]:
        for fault in faults:
            raise fault
        return ()

    monkeypatch.setattr(device.tally, "windows", windows)
    device.reporter.start()
    assert fleet.next().sequence == 2
    assert device.reports("failed") == 1.0


@pytest.mark.parametrize(("asked", "done"), [(0.0, 0.2), (-1.0, 0.2), (2.0, 2.0), (1e9, 600.0)])
def test_no_registry_asks_for_too_much_or_for_nothing(fleet: Any, device: Device, asked: float, done: float) -> None:
    fleet.next_seconds = asked
    assert device.reporter._send() == done


def test_a_stop_waits_for_no_report(fleet: Any, device: Device) -> None:
    device.reporter.start()
    fleet.next()
    device.stop()
    device.stop()
    assert not device.reporter._thread.is_alive()


def test_other_counts_are_reported(fleet: Any, device: Device) -> None:
    counts = Counts(None, ())
    device.tally.count_apart(WindowKind.SHADOW, "2.0.0", counts)
    counts.failed("INTERNAL")
    device.reporter.start()
    (window,) = fleet.next().windows
    assert (window.kind, window.version, window.errors) == (WindowKind.SHADOW, "2.0.0", {"INTERNAL": 1})
