"""In which order a rollout reaches devices, and which of them it has reached at a stage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from pipit.errors import InvalidInput

from model_registry.rollouts.document import RolloutRecord


def rank(salt: str, device_id: str) -> bytes:
    """Devices sort by it: even, the same everywhere, and another order for another salt."""
    return hashlib.sha256(f"{salt}:{device_id}".encode()).digest()


def salt_of(rollout_id: str, profile: str) -> str:
    """An A/B takes another order than the rollouts before it, or its arms would be their early and late devices."""
    return f"ab:{rollout_id}" if profile == "ab" else rollout_id


def order_of(devices: Iterable[str], salt: str, first: Sequence[str] = (), away: Iterable[str] = ()) -> tuple[str, ...]:
    """Every device once: those of `first`, then the others by their rank, then those that are away by theirs.

    away: devices that can't be reached now; a stage of them would see nothing. Raises InvalidInput for one in `first`
    that is not among the devices.
    """
    known, gone = set(devices), set(away)
    strangers = [device for device in first if device not in known]
    if strangers:
        raise InvalidInput(
            f"{', '.join(strangers[:5])}: no such device was seen here in the last day, or it is pinned; "
            "`pipit devices` lists them"
        )
    chosen = tuple(dict.fromkeys(first))
    others = sorted(known - set(chosen), key=lambda device: (device in gone, rank(salt, device)))
    return (*chosen, *others)


def reached(rollout: RolloutRecord, stage: int | None = None) -> tuple[str, ...]:
    """The devices of a stage, in their order, with those of all stages before it. stage: None for the one that runs.

    A share is never exceeded, except that a stage has one device at least.
    """
    last = rollout.stage if stage is None else stage
    return rollout.order[: max(_size(rollout, number) for number in range(min(last + 1, len(rollout.stages))))]


def _size(rollout: RolloutRecord, number: int) -> int:
    stage, all_of_them = rollout.stages[number], len(rollout.order)
    # A little more, so that 0.29 of 100 is 29.
    return min(all_of_them, max(1, stage.devices or int(stage.share * all_of_them + 1e-9)))


def canaries(rollout: RolloutRecord) -> tuple[str, ...]:
    """Those that may serve the new version now; none while it is prefetched."""
    return reached(rollout) if rollout.phase == "running" and rollout.is_open else ()


def is_canary(rollout: RolloutRecord, device_id: str) -> bool:
    """Whether that device may serve the new version now; at a share of 1 also one that is not in the order."""
    if not rollout.is_open or rollout.phase != "running":
        return False
    return _everybody(rollout) or device_id in _reached(rollout)


def _everybody(rollout: RolloutRecord) -> bool:
    return any(stage.share >= 1.0 for stage in rollout.stages[: rollout.stage + 1])


_last: tuple[RolloutRecord, frozenset[str]] | None = None


def _reached(rollout: RolloutRecord) -> frozenset[str]:
    """As `reached`. It is asked for each watcher in turn, of which there are thousands, with the same record."""
    global _last  # noqa: PLW0603 (one tuple, which threads read and swap whole)
    known = _last
    if known is None or known[0] is not rollout:
        known = _last = rollout, frozenset(reached(rollout))
    return known[1]
