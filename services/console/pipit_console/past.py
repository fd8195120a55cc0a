"""What happened: to a device, as it reported last, and to environments."""

from __future__ import annotations

from datetime import datetime, timedelta

from pipit.errors import NotFound
from pipit.fleet.types import Device, State
from pipit.registry.types import Move as RegistryMove

from pipit_console.models.fleet import Happened, Move
from pipit_console.sessions import Session

_MOST = 100


def past_of(device: Device, session: Session, now: datetime) -> list[Happened]:
    """Newest first. now: an aware time, for a device that has never reported."""
    seen = device.last_seen or now
    found: list[Happened] = []
    if device.last_seen is not None and device.up_seconds:
        found.append(
            Happened(at=seen - timedelta(seconds=device.up_seconds), kind="restart", task="", text="it started")
        )
    for report in device.tasks:
        if not session.may_ask(report.task):
            continue
        if report.active_version and report.active_seconds:
            text = f"{report.active_version} began to answer"
            at = seen - timedelta(seconds=report.active_seconds)
            found.append(Happened(at=at, kind="swap", task=report.task, text=text))
        if report.state is State.REFUSED:
            text = f"refused {report.desired_version} at {report.failed_step or 'a step'}: {report.reason}"
            found.append(Happened(at=seen, kind="refused", task=report.task, text=text))
        if report.candidate_state is State.REFUSED:
            text = f"refused {report.candidate_version} at {report.candidate_failed_step}: {report.candidate_reason}"
            found.append(Happened(at=seen, kind="refused", task=report.task, text=text))
        for move in moves_of(session, report.task, device.environment):
            text = f"{move.action} of {move.environment} to {move.to_version or 'nothing'} by {move.by}"
            found.append(Happened(at=move.at, kind="move", task=report.task, text=text))
    return sorted(found, key=lambda each: each.at, reverse=True)[:_MOST]


def moves_of(session: Session, task: str, environment: str) -> list[Move]:
    """Of an environment of a task, oldest first; none where it has none."""
    try:
        moves = session.clients.registry.history(task, environment)
    except NotFound:
        return []
    return [_move(move, task, environment) for move in moves]


def _move(move: RegistryMove, task: str, environment: str) -> Move:
    return Move(
        at=move.at,
        by=move.actor,
        task=task,
        environment=environment,
        from_version=move.from_version,
        to_version=move.to_version,
        action=move.action,
        reason=move.reason,
    )
