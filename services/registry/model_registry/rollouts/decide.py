"""What becomes of a rollout next: a pure function of the rollout, what was seen of its devices, and the time.

    a stop rule fires ──> abort, whatever else there is
    else a rule pauses ──> pause, until a person looks at it
    else something is missing ──> wait; after a while pause, and go on once it is there
    else ──> the next stage

Deciding again on what follows, with the same reports, gives nothing more: each stage needs reports of its own.
"""

from __future__ import annotations

from datetime import datetime

from pipit.fleet.types import Evidence

from model_registry.rollouts.document import INCONCLUSIVE, EvidenceRecord, RolloutRecord
from model_registry.rollouts.expected import Expected
from model_registry.rollouts.missing import Missing, missing_of
from model_registry.rollouts.rules import evidence_of
from model_registry.rollouts.seen import Fleet
from model_registry.rollouts.settings import Rules
from model_registry.rollouts.states import Change, Kind, next_stage
from model_registry.rollouts.view import View, view_of
from model_registry.rollouts.words import seconds

BAKED = "watched"
"""In place of a rule: all that was waited for is there, and no rule fired."""


def decide(
    rollout: RolloutRecord, task: str, fleet: Fleet, now: datetime, rules: Rules, expected: Expected
) -> Change | None:
    """The change to make, or None to wait. expected: of the version that the rollout leads to."""
    if not rollout.is_open:
        return None
    return decide_on(view_of(rollout, task, fleet, now, rules), expected)


def decide_on(view: View, expected: Expected) -> Change | None:
    """As `decide`, for who has the view already."""
    evidence = evidence_of(view, expected)
    firing = [one for one in evidence if one.fires]
    stopping = next((one for one in firing if one.then == "abort"), None)
    if stopping is not None:
        return _change("abort", stopping.rule, stopping.sentence, evidence)
    rollout = view.rollout
    paused_by = None if rollout.verdict is None or rollout.state != "paused" else rollout.verdict.rule
    if paused_by is not None and paused_by != INCONCLUSIVE:
        return None
    pausing = next((one for one in firing if one.then == "pause" and one.rule not in rollout.waived), None)
    if pausing is not None:
        return None if paused_by else _change("pause", pausing.rule, pausing.sentence, evidence)
    missing = missing_of(view)
    if missing is None:
        return _go_on(view, evidence)
    return None if paused_by else _wait(view, missing, evidence)


def _go_on(view: View, evidence: tuple[Evidence, ...]) -> Change | None:
    rollout = view.rollout
    if rollout.phase == "running" and rollout.current.holds:
        held = f"What was missing is there; it goes on with stage {rollout.stage + 1}"
        return None if rollout.state != "paused" else _change("resume", INCONCLUSIVE, held, evidence)
    change = next_stage(rollout, BAKED, _reached(view))
    return _change(change.kind, change.rule, change.sentence, evidence)


def _wait(view: View, missing: Missing, evidence: tuple[Evidence, ...]) -> Change | None:
    rollout, rules = view.rollout, view.rules
    bake = rollout.current.bake_seconds if rollout.phase == "running" else rules.prefetch_seconds
    patience = max(rules.patience * bake, rules.patience_seconds)
    if not missing.data or view.waited_seconds < patience:
        return None
    sentence = f"After {seconds(view.waited_seconds)} this is missing still: {missing.sentence}"
    if rollout.when_silent == "abort":
        return _change("abort", INCONCLUSIVE, sentence, evidence)
    if rollout.when_silent == "advance" and missing.only_answers and not rollout.current.holds:
        change = next_stage(rollout, INCONCLUSIVE, f"{sentence}. It was to go on without")
        return _change(change.kind, change.rule, change.sentence, evidence)
    return _change("pause", INCONCLUSIVE, sentence, evidence)


def _reached(view: View) -> str:
    rollout = view.rollout
    if rollout.phase == "prefetching":
        ready = sum(seat.prefetched(rollout.to_version) for seat in view.seats)
        return f"{ready} of {len(view.seats)} devices have {rollout.to_version} at hand"
    serving = sum(seat.serves(rollout.to_version) for seat in view.canaries)
    if rollout.is_last_stage:
        return f"{rollout.to_version} serves on {serving} of {len(view.seats)} devices, and no rule fired"
    return f"{serving} devices served {rollout.to_version} for {seconds(view.stage_seconds)}, and no rule fired"


def _change(kind: Kind, rule: str, sentence: str, evidence: tuple[Evidence, ...]) -> Change:
    return Change(kind, rule, sentence, evidence=tuple(EvidenceRecord.of(one) for one in evidence))
