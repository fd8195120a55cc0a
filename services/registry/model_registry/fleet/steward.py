"""What the rules say of the rollouts that are open: asked each second and with each report, by every copy.

    what stands there, what was seen ──decide──> nothing, or a change ──swap──> it stands
                                                                        └─> somebody else was quicker: look again

There is no lease and no leader. `decide` is pure, so all copies come to the same change, and the store lets one of them
make it. What a change leaves to do is done by whoever sees it: a rollout that has ended is written down by any copy.
"""

from __future__ import annotations

from pipit.errors import Conflict, PipitError
from pipit.logging import get_logger

from model_registry.audit_log import AuditLog
from model_registry.environments import Environments
from model_registry.fleet.rollouts import Rollouts
from model_registry.fleet.stands import Stands
from model_registry.pointer import Pointer
from model_registry.rollouts.decide import decide_on
from model_registry.rollouts.document import RolloutRecord
from model_registry.rollouts.states import Change

_FAULT = "a fault of this copy's own"
_log = get_logger("model_registry.fleet.steward")


class Steward:
    """One thread steps; any number of copies of the service may."""

    def __init__(
        self,
        environments: Environments,
        rollouts: Rollouts,
        stands: Stands,
        audit: AuditLog,
    ) -> None:
        self._environments = environments
        self._rollouts = rollouts
        self._stands = stands
        self._audit = audit
        self._failed: dict[tuple[str, str], str] = {}

    def step(self) -> None:
        """Decides once on each open rollout, and writes down those that have ended. Raises Unavailable."""
        for pointer in self._stands.all():
            self._environments.closed.keep(pointer)
            if pointer.rollout is not None:
                self._lead(pointer, pointer.rollout)

    def _lead(self, pointer: Pointer, rollout: RolloutRecord) -> None:
        """One rollout that can't be judged must not keep others from it."""
        place = (pointer.task, pointer.name)
        try:
            view = self._rollouts.view(pointer, rollout)
            change = decide_on(view, self._rollouts.expected(pointer.task, rollout))
            if change is not None:
                self._make(pointer, rollout, change)
        except PipitError as error:
            if self._failed.get(place) != str(error):
                _log.warning("rollout_not_led", task=pointer.task, environment=pointer.name, reason=str(error))
            self._failed[place] = str(error)
        except Exception:
            if self._failed.get(place) != _FAULT:
                _log.exception("rollout_not_led", task=pointer.task, environment=pointer.name)
            self._failed[place] = _FAULT
        else:
            self._failed.pop(place, None)

    def _make(self, seen: Pointer, rollout: RolloutRecord, change: Change) -> None:
        made: list[Pointer] = []

        def move(pointer: Pointer) -> Pointer:
            # What was decided holds for what was looked at; on anything newer it is decided anew.
            if pointer.revision != seen.revision:
                return pointer
            made[:] = [pointer.rollout_changed(change, self._environments.now())]
            return made[0]

        try:
            after = self._environments.change(seen.task, seen.name, move)
        except Conflict:
            return  # so many copies at once; one of them made it
        self._stands.offer(after)
        if not made or after is not made[0]:
            return
        subject = f"{seen.name} of {seen.task} to {rollout.to_version}"
        facts = {"change": change.kind, "rule": change.rule, "sentence": change.sentence}
        _log.info("rollout_led", rollout=rollout.id, task=seen.task, environment=seen.name, **facts)
        self._audit.note(f"{change.kind} rollout", subject, shown(seen), shown(after), change.sentence)


def shown(pointer: Pointer) -> str:
    """Where an environment and its rollout are, in the audit log."""
    place = f"{pointer.version}, revision {pointer.revision}"
    if pointer.rollout is None:
        return place
    at = f"stage {pointer.rollout.stage}" if pointer.rollout.state == "running" else pointer.rollout.state
    return f"{place}, {at} of {pointer.rollout.id}"
