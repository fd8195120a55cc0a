"""Rollouts, and what begins one or goes back."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pipit.fleet.types import Rollout, RolloutView

from pipit_console.access import Asking, TaskPath
from pipit_console.models.fleet import Promote, Promoted, RollBack, RolledBack, Steer

router = APIRouter(tags=["rollouts"])


@router.get("/rollouts")
def list_rollouts(session: Asking, task: str = "", environment: str = "", open: bool = False) -> list[Rollout]:  # noqa: A002 (the parameter's name)
    """Newest first."""
    found = session.clients.fleet.list_rollouts(task, environment, only_open=open)
    return [rollout for rollout in found if session.may_ask(rollout.task)]


@router.get("/rollouts/{task}/{environment}")
def get_rollout(task: TaskPath, environment: str, session: Asking, id: str = "") -> RolloutView:  # noqa: A002 (the parameter's name)
    """The one that is open, or the last one; with an id that one."""
    session.check_task(task)
    return session.clients.fleet.get_rollout(task, environment, id)


@router.post("/rollouts/{task}/{environment}/{action}")
def steer(
    task: TaskPath, environment: str, action: Literal["pause", "resume", "abort"], asked: Steer, session: Asking
) -> Rollout:
    """Pause, resume or abort the one that is open."""
    fleet = session.clients.fleet
    if action == "pause":
        return fleet.pause_rollout(task, environment, asked.reason)
    if action == "abort":
        return fleet.abort_rollout(task, environment, asked.reason)
    return fleet.resume_rollout(task, environment, asked.reason, advance=asked.advance)


@router.post("/tasks/{task}/promote")
def promote(task: TaskPath, asked: Promote, session: Asking) -> Promoted:
    """Leads an environment to a version, by a rollout where devices follow it."""
    started = session.clients.fleet.start_rollout(
        task,
        asked.version,
        asked.environment,
        reason=asked.reason,
        override_gates=asked.override_gates,
        profile=asked.profile,
        first=asked.first,
        when_silent=asked.when_silent,
        supersede=asked.supersede,
    )
    return Promoted(rollout=started.rollout, moved_at_once=started.moved_at_once, gates=list(started.gates))


@router.post("/tasks/{task}/rollback")
def roll_back(task: TaskPath, asked: RollBack, session: Asking) -> RolledBack:
    """Points an environment back to the version it had before."""
    moved = session.clients.registry.rollback(task, asked.environment, reason=asked.reason)
    return RolledBack(task=task, environment=moved.name, version=moved.version)
