"""The states of a rollout, and the only ways between them.

                start                                       the last stage is over
                  |                                                   |
                  v            ready                 advance          v
           prefetching -------------------> running(0 … k) ------> succeeded
              |     ^                          |     ^
        pause |     | resume             pause |     | resume
              v     |                          v     |
              paused                           paused

    from each of these three:  abort --> aborted     another one takes its place --> superseded

Whoever paused it says in the verdict: a rule, an operator, or that data is missing (inconclusive). Only the last kind
goes on by itself. Every change raises the revision of the environment, so that devices hear of it. A clock that is
wrong delays a change and grants none: of two copies that decide at once the store lets one win.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pipit.errors import Conflict

from model_registry.clocks import dated
from model_registry.rollouts.document import INCONCLUSIVE, OPERATOR, EvidenceRecord, RolloutRecord, VerdictRecord

Kind = Literal["advance", "pause", "resume", "abort", "succeed", "supersede"]
"""advance: from prefetching to the first stage, or from one stage to the next."""
_VERDICTS: dict[str, Literal["succeeded", "aborted", "paused", "superseded"]] = {
    "pause": "paused",
    "abort": "aborted",
    "succeed": "succeeded",
    "supersede": "superseded",
}
_LONGEST_SENTENCE = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a rollout next.

    rule: that decided. sentence: why, for people. by: who, where a person decided. evidence: all that was seen then.
    """

    kind: Kind
    rule: str
    sentence: str
    by: str = ""
    evidence: tuple[EvidenceRecord, ...] = ()

    @property
    def ends(self) -> bool:
        """Whether the rollout is over after it."""
        return self.kind in {"abort", "succeed", "supersede"}


def by_operator(kind: Kind, actor: str, reason: str) -> Change:
    """A person's decision."""
    return Change(kind, OPERATOR, f"{actor} decided so{f': {reason}' if reason.strip() else ''}", actor)


def next_stage(rollout: RolloutRecord, rule: str, sentence: str, by: str = "") -> Change:
    """The step on from where it is: it succeeds after the last stage."""
    over = rollout.phase == "running" and rollout.is_last_stage
    return Change("succeed" if over else "advance", rule, sentence, by)


def changed(rollout: RolloutRecord, change: Change, at: datetime) -> RolloutRecord:
    """The rollout after that. Raises Conflict for what can't follow on its state."""
    _check(rollout, change)
    at = dated(at, rollout.waits_since)
    if change.ends:
        verdict = _verdict(change, at)
        return rollout.model_copy(
            update={"state": verdict.kind, "ended_at": at, "left": rollout.phase, "verdict": verdict}
        )
    if change.kind == "pause":
        paused = {"state": "paused", "left": rollout.phase, "verdict": _verdict(change, at)}
        return rollout.model_copy(update=paused)
    on = {"state": rollout.phase, "left": None, "verdict": None, "waits_since": at}
    if change.kind == "resume":
        return rollout.model_copy(update={**on, "waived": _waived(rollout, change)})
    stage = rollout.stage + 1 if rollout.phase == "running" else 0
    started = {"state": "running", "stage": stage, "stage_since": at, "waived": _waived(rollout, change)}
    return rollout.model_copy(update={**on, **started})


def _check(rollout: RolloutRecord, change: Change) -> None:
    if not rollout.is_open:
        raise Conflict(f"rollout {rollout.id} has {rollout.state}; look again and start another one")
    if change.kind == "pause" and rollout.state == "paused":
        raise Conflict(f"rollout {rollout.id} stands still already; resume it or abort it")
    if change.kind == "resume" and rollout.state != "paused":
        raise Conflict(f"rollout {rollout.id} is not paused: nothing is to be resumed")
    over = rollout.phase == "running" and rollout.is_last_stage
    if change.kind == "advance" and over:
        raise Conflict(f"rollout {rollout.id} is at its last stage; it can only succeed or be aborted")
    if change.kind == "succeed" and not over:
        raise Conflict(f"rollout {rollout.id} has not reached its last stage yet")


def _verdict(change: Change, at: datetime) -> VerdictRecord:
    return VerdictRecord(
        kind=_VERDICTS[change.kind],
        rule=change.rule,
        sentence=change.sentence[:_LONGEST_SENTENCE],
        at=at,
        by=change.by,
        evidence=change.evidence,
    )


def _waived(rollout: RolloutRecord, change: Change) -> tuple[str, ...]:
    """A person who lets it go on has looked at what paused it; the rule would pause it at once again."""
    verdict = rollout.verdict
    if change.rule != OPERATOR or verdict is None or verdict.rule in {OPERATOR, INCONCLUSIVE}:
        return rollout.waived
    fired = {one.rule for one in verdict.evidence if one.fires and one.then == "pause"}
    return tuple(sorted({*rollout.waived, verdict.rule, *fired}))
