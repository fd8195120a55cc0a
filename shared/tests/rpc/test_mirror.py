"""Messages and dataclasses of the same fields, there and back."""

from __future__ import annotations

from datetime import UTC, datetime

from pipit._pb.pipit.fleet.v1 import fleet_pb2 as pb
from pipit._pb.pipit.registry.v1 import registry_pb2
from pipit.fleet import (
    Device,
    DeviceReport,
    PinnedTask,
    Rollout,
    RolloutState,
    Stage,
    State,
    TaskReport,
    Verdict,
    Window,
    WindowKind,
)
from pipit.registry.types import Assignment, Target
from pipit.rpc.mirror import from_proto, to_proto

NOW = datetime(2026, 11, 29, 6, 30, tzinfo=UTC)
WINDOW = Window(
    WindowKind.LIVE,
    "garden.birds",
    "1.1.0",
    "r-1",
    2,
    12.5,
    30,
    {"INTERNAL": 2},
    score_counts=(0, 1, 2),
    label_counts={"wren": 3},
)


def test_a_report_survives_the_wire() -> None:
    task = TaskReport("garden.birds", "1.1.0", 7, "1.0.0", "ab" * 32, State.ROLLING_BACK, golden_deviation=0.0)
    report = DeviceReport("pi-7", "b", 3, "production", 1, tasks=(task,), windows=(WINDOW,), cpu_temperature=61.5)
    message = pb.ReportRequest.FromString(to_proto(report, pb.ReportRequest).SerializeToString())
    assert message.tasks[0].state == pb.STATE_ROLLING_BACK
    assert message.windows[0].errors == {"INTERNAL": 2}
    assert from_proto(message, DeviceReport) == report
    assert from_proto(message, DeviceReport).throttled is None


def test_a_rollout_survives_the_wire() -> None:
    rollout = Rollout(
        "r-1", "garden.birds", "production", "1.0.0", "1.1.0", RolloutState.PAUSED, 1,
        (Stage(1, bake_seconds=15.0), Stage(share=0.25)), NOW, NOW, "anna", "", "fast", "default/1", "pause", False,
        ("pi-1", "pi-2"), ("pi-1",), Verdict("paused", "silent", "nobody asked", NOW), None, 9,
    )  # fmt: skip
    message = pb.Rollout.FromString(to_proto(rollout, pb.Rollout).SerializeToString())
    assert from_proto(message, Rollout) == rollout
    assert from_proto(message, Rollout).ended_at is None


def test_a_device_that_never_came_has_no_time() -> None:
    device = Device("pi-7", pins=(PinnedTask("garden.birds", "1.0.0", "ab" * 32, "anna", "", NOW),))
    assert from_proto(to_proto(device, pb.Device), Device) == device


def test_what_an_assignment_leaves_out_is_not_set() -> None:
    plain = Assignment("garden.birds", "production", "1.0.0", "ab" * 32, 4)
    staged = Assignment("garden.birds", "production", "1.0.0", "ab" * 32, 4, "r-1", 1, Target("1.1.0", "cd" * 32))
    for assignment in (plain, staged):
        assert from_proto(to_proto(assignment, registry_pb2.Assignment), Assignment) == assignment


def test_a_state_that_a_newer_device_knows_is_unspecified_here() -> None:
    message = pb.TaskReport(task="garden.birds")
    message.state = 99
    assert from_proto(message, TaskReport).state is State.UNSPECIFIED
