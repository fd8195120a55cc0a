"""Rollouts in sentences: what one waits for, or why it ended; and where each device stands."""

from __future__ import annotations

from pipit.fleet.types import ArmComparison, Evidence, Lane, RolloutView, State

from model_registry.rollouts.arms import compare_arms, told_arms
from model_registry.rollouts.document import INCONCLUSIVE, OPERATOR, RolloutRecord
from model_registry.rollouts.expected import Expected
from model_registry.rollouts.missing import missing_of
from model_registry.rollouts.order import canaries
from model_registry.rollouts.rules import evidence_of
from model_registry.rollouts.rules.at_once import is_refused
from model_registry.rollouts.view import Seat, View
from model_registry.rollouts.words import listed, of, seconds


def view_for_people(view: View, environment: str, revision: int, expected: Expected) -> RolloutView:
    """An open rollout, with what is seen of it now. revision: of the environment."""
    evidence = evidence_of(view, expected)
    comparisons = compare_arms(view) if view.rollout.profile == "ab" else ()
    return RolloutView(
        view.rollout.plain(view.task, environment, revision, canaries(view.rollout)),
        evidence,
        lanes_of(view),
        explain_open(view, evidence, comparisons),
        comparisons,
    )


def ended_for_people(view: View, environment: str, revision: int) -> RolloutView:
    """One that has ended, with what the rules saw last, and where its devices are now."""
    rollout = view.rollout
    evidence = tuple(one.plain for one in rollout.verdict.evidence) if rollout.verdict is not None else ()
    plain = rollout.plain(view.task, environment, revision, ())
    return RolloutView(plain, evidence, lanes_of(view), explain_ended(rollout))


def explain_ended(rollout: RolloutRecord) -> str:
    """Why it ended."""
    verdict, way = rollout.verdict, f"{rollout.from_version} to {rollout.to_version}"
    if verdict is None or rollout.ended_at is None:
        return f"Rollout {rollout.id} from {way} has not ended."
    took = seconds(max(0.0, (rollout.ended_at - rollout.started_at).total_seconds()))
    where = f" at stage {rollout.stage + 1} of {len(rollout.stages)}" if rollout.phase == "running" else ""
    sentence = verdict.sentence.rstrip(".")
    match rollout.state:
        case "succeeded":
            return f"The rollout from {way} succeeded after {took}. {sentence}."
        case "superseded":
            return f"The rollout from {way} gave way to another one after {took}. {sentence}."
    who = "a person" if verdict.rule == OPERATOR else f"rule {verdict.rule}"
    return f"The rollout from {way} was stopped by {who} after {took}{where}: {sentence}."


def explain_open(view: View, evidence: tuple[Evidence, ...], comparisons: tuple[ArmComparison, ...] = ()) -> str:
    """Where it is, and what it waits for."""
    rollout = view.rollout
    told = [_place(view)]
    verdict, missing = rollout.verdict, missing_of(view)
    if rollout.state == "paused" and verdict is not None:
        told.append(f"It is paused: {verdict.sentence.rstrip('.')}.")
        told.append(_way_out(view))
    elif missing is not None:
        told.append(f"It waits: {missing.sentence}.")
    elif rollout.current.holds and rollout.phase == "running":
        told.append("This stage goes on only when somebody says so: `pipit rollout resume --advance`, or `abort`.")
    else:
        told.append("Nothing is missing; it goes on now.")
    away = [seat.device_id for seat in view.seats if not seat.reachable and not seat.pinned]
    if away:
        told.append(f"{_devices(len(away))} can't be reached and will follow when back: {listed(away)}.")
    behind = [seat.device_id for seat in view.seats if not seat.pinned and is_refused(seat, rollout.to_version)]
    if behind:
        told.append(f"{_devices(len(behind))} refused {rollout.to_version} and will not serve it: {listed(behind)}.")
    told.extend(_disagreement(view))
    told.extend(one.sentence for one in evidence if one.value > 0.5 * one.limit)
    told.extend(told_arms(view, comparisons))
    return " ".join(told)


def _place(view: View) -> str:
    rollout = view.rollout
    if rollout.phase == "prefetching":
        ready = sum(seat.prefetched(rollout.to_version) for seat in view.seats)
        return (
            f"{rollout.to_version} is brought to the devices, and none serves it yet: {ready} of {len(view.seats)} "
            "have it at hand."
        )
    serving = sum(seat.serves(rollout.to_version) for seat in view.canaries)
    return (
        f"Stage {rollout.stage + 1} of {len(rollout.stages)}: {serving} of {len(view.canaries)} devices of this stage "
        f"serve {rollout.to_version}, of {len(view.seats)} in all."
    )


def _way_out(view: View) -> str:
    verdict = view.rollout.verdict
    if verdict is not None and verdict.rule == INCONCLUSIVE:
        return (
            "It goes on by itself once that is there; `pipit rollout resume --advance` goes on without, `abort` back."
        )
    return "It goes on when somebody says so: `pipit rollout resume`, or `pipit rollout abort`."


def _disagreement(view: View) -> list[str]:
    told = []
    for name, counted in (("replayed", "replay"), ("shadowed", "shadow")):
        counts = [getattr(seat, counted) for seat in view.seats]
        answered, disagreed = sum(one.answered for one in counts), sum(one.disagreed for one in counts)
        if answered:
            told.append(
                f"On {of(disagreed, answered)} {name} inputs {view.rollout.to_version} said something else than "
                f"{view.rollout.from_version}."
            )
    return told


def _devices(count: int) -> str:
    return "1 device" if count == 1 else f"{count:,} devices"


def lanes_of(view: View) -> tuple[Lane, ...]:
    """Each device where it stands, in the rollout's order; of one that has ended, whether it is there or back."""
    return tuple(_lane(seat, view) for seat in view.seats)


def _lane(seat: Seat, view: View) -> Lane:
    lane = _lane_name(seat, view)
    told, counts, reason = seat.told, seat.tried, ""
    if lane == "offline":
        reason = f"silent for {seconds(seat.seconds)}" if seat.processes else "has not reported"
    elif lane == "refused":
        reason = ": ".join(part for part in seat.refusal(view.rollout.to_version) or () if part)
    elif told is not None and lane == "swapping":
        reason = told.reason
    return Lane(seat.device_id, lane, told.active_version if told else "", reason, counts.answered, counts.failed)


def _lane_name(seat: Seat, view: View) -> str:
    """The first that fits."""
    rollout, told = view.rollout, seat.told
    to, stopped = rollout.to_version, rollout.state in {"aborted", "superseded"}
    candidate = (told.candidate_version, told.candidate_state) if told is not None else ("", State.UNSPECIFIED)
    leaves = told is not None and told.state == State.ROLLING_BACK
    lanes = (
        ("pinned", seat.pinned),
        ("offline", not seat.reachable),
        ("returned", stopped and seat.was_reached and seat.serves(rollout.from_version)),
        ("swapping", stopped and (seat.serves(to) or leaves)),
        ("refused", not stopped and seat.refusal(to) is not None),
        ("serving", seat.was_reached and seat.serves(to)),
        ("swapping", seat.canary or seat.serves(to) or leaves),
        ("prefetched", seat.prefetched(to)),
        ("prefetching", candidate == (to, State.PREFETCHING)),
    )
    return next((lane for lane, fits in lanes if fits), "waiting")
