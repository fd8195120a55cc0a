"""Rollouts and devices for tests, in a few words each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from model_registry.pointer import Pointer
from model_registry.rollouts.document import RolloutRecord, StageRecord
from model_registry.rollouts.order import order_of

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
    return rollout_of(devices, state="running", stage=stage, **changed)


def pointer_of(rollout: RolloutRecord | None = None) -> Pointer:
    """One promotion, and that rollout."""
    pointer = Pointer(task=TASK, name=ENVIRONMENT).promoted(OLD, digest_of(OLD), "anna", BEGIN)
    return pointer if rollout is None else pointer.rollout_started(rollout)


Counts = Mapping[str, int]
