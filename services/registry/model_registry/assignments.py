"""What one device should run: the same answer from every copy of the registry that reads the same documents."""

from __future__ import annotations

from pipit.fleet.types import PinnedTask
from pipit.registry.types import Assignment, Target

from model_registry.pointer import Pointer
from model_registry.rollouts.order import is_canary


def assignment_for(
    pointer: Pointer, device_id: str, pin: PinnedTask | None = None, pin_revision: int = 0
) -> Assignment:
    """What that device should run of the pointer's task.

    pin: of this task on this device. pin_revision: how often its pins were changed. The revision is that of the
    environment and of the pins together, so that it grows with all that changes what the device is told.
    """
    revision = pointer.revision + pin_revision
    if pin is not None:
        return Assignment(pointer.task, pointer.name, pin.version, pin.digest, revision, pinned=True)
    rollout = pointer.rollout
    if rollout is None:
        return Assignment(pointer.task, pointer.name, pointer.version, pointer.digest, revision)
    old = Target(rollout.from_version, rollout.from_digest)
    new = Target(rollout.to_version, rollout.to_digest)
    reached = is_canary(rollout, device_id)
    runs = new if reached else old
    return Assignment(
        pointer.task,
        pointer.name,
        runs.version,
        runs.digest,
        revision,
        rollout=rollout.id,
        stage=rollout.stage,
        candidate=None if reached else new,
        shadow=rollout.shadow and not reached,
        standby=old if reached else None,
    )
