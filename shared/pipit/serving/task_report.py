"""What the registry is told of one task on this device."""

from __future__ import annotations

from pipit.fleet.types import State, TaskReport
from pipit.serving.agenda import Agenda
from pipit.serving.types import Identity


def task_report(
    task: str,
    agenda: Agenda,
    active: Identity | None,
    reason: str,
    *,
    is_failed: bool,
    active_seconds: float,
    deviation: float | None,
    standby: bool,
) -> TaskReport:
    """active: what answers. reason: why what is desired does not. is_failed: nothing more is tried for it.

    active_seconds: since it took its place. deviation: of its golden samples here. standby: what may be gone back to is
    loaded.
    """
    wish = agenda.wish
    is_had = wish is not None and active is not None and active.digest == wish.desired.digest
    candidate_version, candidate_state, candidate_step, candidate_reason = _candidate(agenda)
    return TaskReport(
        task=task,
        desired_version="" if wish is None else wish.desired.version,
        revision=agenda.part.revision,
        active_version="" if active is None else active.version,
        active_digest="" if active is None else active.digest,
        state=_state(agenda, active, is_failed=is_failed, is_had=is_had),
        failed_step=wish.failed_step if wish is not None and wish.is_bad else "",
        reason=reason,
        golden_deviation=deviation,
        active_seconds=active_seconds,
        candidate_version=candidate_version,
        candidate_state=candidate_state,
        candidate_failed_step=candidate_step,
        candidate_reason=candidate_reason,
        standby=standby,
    )


def _state(agenda: Agenda, active: Identity | None, *, is_failed: bool, is_had: bool) -> State:
    if active is None:
        return State.REFUSED if is_failed else State.LOADING
    return State.ROLLING_BACK if agenda.is_returning and not is_had and not is_failed else State.SERVING


def _candidate(agenda: Agenda) -> tuple[str, State, str, str]:
    """Version, state, the step where it failed and a sentence on that."""
    candidate = agenda.candidate
    if candidate is None:
        return "", State.UNSPECIFIED, "", ""
    state = State.PREFETCHED if candidate.is_had else State.PREFETCHING
    if candidate.is_bad:
        state = State.REFUSED
    return candidate.desired.version, state, candidate.failed_step, candidate.reason
