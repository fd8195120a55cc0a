"""Rollouts and devices for tests, in a few words each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from model_registry.pointer import Pointer
from model_registry.rollouts.document import RolloutRecord, StageRecord
from model_registry.rollouts.order import canaries, order_of
from model_registry.rollouts.seen import SeenDevice, SeenProcess
from pipit.fleet.types import DeviceReport, State, TaskReport, Window, WindowKind

TASK = "test.sounds"
ENVIRONMENT = "production"
OLD, NEW = "1.0.0", "1.1.0"
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
ID = "r-0000000000ab"
STAGES = (
    StageRecord(devices=1, bake_seconds=15),
    StageRecord(share=0.25, bake_seconds=10),
    StageRecord(share=1.0),
)


def digest_of(version: str) -> str:
    return f"{version.replace('.', ''):0>64}"


def names(count: int) -> tuple[str, ...]:
    return tuple(f"pi-{number}" for number in range(count))


def rollout_of(devices: int = 20, **changed: Any) -> RolloutRecord:
    """It prefetches; `changed`: any other field."""
    return RolloutRecord(
        **{
            "id": ID,
            "from_version": OLD,
            "from_digest": digest_of(OLD),
            "to_version": NEW,
            "to_digest": digest_of(NEW),
            "state": "prefetching",
            "stages": STAGES,
            "started_at": BEGIN,
            "stage_since": BEGIN,
            "waits_since": BEGIN,
            "by": "anna",
            "rules": "default/1",
            "salt": ID,
            "order": order_of(names(devices), ID),
            **changed,
        }
    )


def running(stage: int = 0, devices: int = 20, **changed: Any) -> RolloutRecord:
    return rollout_of(devices, **{"state": "running", "stage": stage, **changed})


def pointer_of(rollout: RolloutRecord | None = None) -> Pointer:
    """One promotion, and that rollout."""
    pointer = Pointer(task=TASK, name=ENVIRONMENT).promoted(OLD, digest_of(OLD), "anna", BEGIN)
    return pointer if rollout is None else pointer.rollout_started(rollout)


def window(
    kind: WindowKind, version: str, rollout: RolloutRecord, answered: int = 0, failed: int = 0, **more: Any
) -> Window:
    """failed: with INTERNAL; a few callers sent what nobody could answer."""
    wrong = {"INVALID_ARGUMENT": 3} if kind in {WindowKind.LIVE, WindowKind.BEFORE} else {}
    errors = {"INTERNAL": failed, **wrong} if failed else {}
    place = {"rollout": rollout.id, "stage": rollout.stage, "seconds": 20.0}
    return Window(kind, TASK, version, answered=answered, **{"errors": errors, **place, **more})


def told(version: str = OLD, active_seconds: float = 20.0, **more: Any) -> TaskReport:
    """It serves that version."""
    return TaskReport(
        TASK,
        active_version=version,
        **{"desired_version": version, "state": State.SERVING, "active_seconds": active_seconds, **more},
    )


def seen(name: str, task: TaskReport, windows: Sequence[Window] = (), seconds: float = 1.0, **more: Any) -> SeenDevice:
    """A device of one process that began a day ago."""
    report = DeviceReport(name, "boot", 1, ENVIRONMENT, tasks=(task,), windows=tuple(windows), up_seconds=86400.0)
    return SeenDevice(name, **{"online": True, "processes": (SeenProcess(report, seconds),), **more})


def fleet_of(
    rollout: RolloutRecord,
    canary: Mapping[str, Any] | None = None,
    control: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    replay: Mapping[str, Any] | None = None,
    active_seconds: float = 20.0,
) -> dict[str, SeenDevice]:
    """All devices of a rollout as they should be: canaries serve the new version, the others have it at hand.

    canary, control, before, replay: of `window`, for each of them. None: no such window.
    """
    chosen = set(canaries(rollout))
    fleet = {}
    for name in rollout.order:
        new = name in chosen
        windows = [
            window(kind, version, rollout, **counted)
            for kind, version, counted, wanted in (
                (WindowKind.LIVE, NEW, canary, new),
                (WindowKind.LIVE, OLD, control, not new),
                (WindowKind.BEFORE, OLD, before, new),
                (WindowKind.REPLAY, NEW, replay, True),
            )
            if counted is not None and wanted
        ]
        at_hand = {} if new else {"candidate_version": NEW, "candidate_state": State.PREFETCHED}
        task = told(NEW if new else OLD, active_seconds if new else 9999.0, standby=new, **at_hand)
        fleet[name] = seen(name, task, windows)
    return fleet
