"""What becomes of a rollout: it goes on by what was seen alone, waits where nothing was, and stops before all else."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_registry.rollouts.decide import decide
from model_registry.rollouts.document import RolloutRecord, StageRecord, VerdictRecord
from model_registry.rollouts.expected import Expected
from model_registry.rollouts.rules.errors import errors
from model_registry.rollouts.seen import Fleet, SeenDevice
from model_registry.rollouts.settings import Rules
from model_registry.rollouts.states import Change, changed
from model_registry.rollouts.view import view_of
from pipit.fleet.types import State
from rollout_builders import BEGIN, NEW, OLD, TASK, fleet_of, rollout_of, running, seen, told

RULES = Rules()
GOOD = {"canary": {"answered": 40}, "control": {"answered": 40}, "before": {"answered": 3600}}
PAUSED = {"verdict": VerdictRecord(kind="paused", rule="inconclusive", sentence="", at=BEGIN), "left": "running"}


def after(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def decided(rollout: RolloutRecord, fleet: Fleet, seconds: float = 20.0, expected: Expected | None = None) -> Any:
    return decide(rollout, TASK, fleet, after(seconds), RULES, expected or Expected())


def but(fleet: dict[str, SeenDevice], name: str, **more: Any) -> dict[str, SeenDevice]:
    """The same, but that device says so of the task."""
    device = fleet[name]
    (process,) = device.processes
    task = replace(process.report.tasks[0], **more)
    report = replace(process.report, tasks=(task,))
    return {**fleet, name: replace(device, processes=(replace(process, report=report),))}


def quiet_for(fleet: dict[str, SeenDevice], seconds: float, *names: str) -> dict[str, SeenDevice]:
    late = {
        name: replace(fleet[name], processes=(replace(fleet[name].processes[0], seconds=seconds),)) for name in names
    }
    return {**fleet, **late}


def test_it_begins_once_all_that_can_be_reached_have_it_at_hand() -> None:
    rollout = rollout_of()
    fleet = fleet_of(rollout)
    first, last = rollout.order[0], rollout.order[-1]

    assert decided(rollout, fleet).kind == "advance"
    assert decided(rollout, fleet).sentence == "20 of 20 devices have 1.1.0 at hand"
    waiting = but(fleet, last, candidate_state=State.PREFETCHING)
    assert decided(rollout, waiting) is None
    assert decided(rollout, waiting, RULES.prefetch_seconds).kind == "advance"
    assert decided(rollout, but(fleet, first, candidate_state=State.PREFETCHING), 119.0) is None
    assert decided(rollout, quiet_for(waiting, 76.0, last)).kind == "advance"


def test_a_first_device_that_is_away_is_no_first_device() -> None:
    rollout = rollout_of()
    fleet = quiet_for(fleet_of(rollout), 500.0, rollout.order[0])

    assert decided(rollout, fleet, 359.0) is None
    pause = decided(rollout, fleet, 361.0)
    assert (pause.kind, pause.rule) == ("pause", "inconclusive")
    assert rollout.order[0] in pause.sentence
    assert "can be reached" in pause.sentence


def test_a_stage_goes_on_when_it_was_watched_and_enough_was_answered() -> None:
    rollout = running()
    assert decided(rollout, fleet_of(rollout, **GOOD), 14.9) is None
    on = decided(rollout, fleet_of(rollout, **GOOD), 15.0)
    assert (on.kind, on.rule) == ("advance", "watched")
    assert [one.rule for one in on.evidence][:5] == ["golden", "refused", "restarted", "silent", "errors"]
    assert not any(one.fires for one in on.evidence)
    assert decided(rollout, fleet_of(rollout, **GOOD, active_seconds=13.0)) is None
    assert decided(rollout, fleet_of(rollout, canary={"answered": 29})) is None
    assert decided(rollout, fleet_of(rollout, canary={"answered": 1}, replay={"answered": 29})).kind == "advance"


def test_the_last_stage_needs_no_answers_but_devices_that_serve() -> None:
    rollout = running(2)
    fleet = fleet_of(rollout)
    assert decided(rollout, fleet, 2.0).kind == "succeed"
    assert decided(rollout, fleet, 0.5) is None
    assert decided(rollout, but(fleet, "pi-3", active_version=OLD, state=State.SERVING), 2.0) is None
    assert decided(rollout, quiet_for(fleet, 3000.0, *(f"pi-{n}" for n in range(19))), 2.0).kind == "succeed"
    assert decided(rollout, {}, 2.0) is None


def test_a_device_that_refuses_for_itself_alone_is_left_behind() -> None:
    rollout = running(2)
    bad_disk = {"active_version": OLD, "failed_step": "fetch", "reason": "no space is left"}
    one = but(fleet_of(rollout), "pi-3", **bad_disk)
    assert decided(rollout, one, 2.0).kind == "succeed"

    two = but(one, "pi-4", **bad_disk)
    stop = decided(rollout, two, 2.0)
    assert (stop.kind, stop.rule) == ("abort", "refused")
    assert "2 of 20 devices refused 1.1.0 at fetch: pi-3 and pi-4" in stop.sentence or "pi-4 and pi-3" in stop.sentence
    assert "no space is left" in stop.sentence


@pytest.mark.parametrize(("silent", "kind"), [("pause", "pause"), ("abort", "abort"), ("advance", "advance")])
def test_what_is_missing_after_three_bakes_is_named(silent: str, kind: str) -> None:
    rollout = running(when_silent=silent)
    fleet = fleet_of(rollout, canary={"answered": 4})
    name = rollout.order[0]

    assert decided(rollout, fleet, 59.0) is None
    change = decided(rollout, fleet, 61.0)
    assert (change.kind, change.rule) == (kind, "inconclusive")
    assert f"30 answers from {name} (so far: {name} 4)" in change.sentence
    # Who does not even serve it is no reason to go on, whatever was chosen.
    nobody = but(fleet, name, active_version=OLD)
    assert decided(rollout, nobody, 61.0).kind == ("pause" if kind == "advance" else kind)


def test_what_was_inconclusive_goes_on_by_itself_and_an_operators_pause_never() -> None:
    rollout = running(state="paused", **PAUSED)
    assert decided(rollout, fleet_of(rollout, canary={"answered": 4}), 900.0) is None
    assert decided(rollout, fleet_of(rollout, **GOOD), 900.0).kind == "advance"
    for rule in ("operator", "scores"):
        verdict = VerdictRecord(kind="paused", rule=rule, sentence="", at=BEGIN)
        still = rollout.model_copy(update={"verdict": verdict})
        assert decided(still, fleet_of(rollout, **GOOD), 900.0) is None


def test_a_stage_that_holds_goes_on_only_by_a_person() -> None:
    stages = (StageRecord(share=0.5, bake_seconds=60, holds=True),)
    rollout = running(stages=stages)
    fleet = fleet_of(rollout, **GOOD, active_seconds=900.0)
    assert decided(rollout, fleet, 900.0) is None
    assert decided(running(stages=stages, state="paused", **PAUSED), fleet, 900.0).kind == "resume"


@pytest.mark.parametrize("state", ["running", "paused"])
def test_a_stop_comes_before_everything_else(state: str) -> None:
    """Also where a person paused it: devices serve the version still."""
    verdict = VerdictRecord(kind="paused", rule="operator", sentence="", at=BEGIN) if state == "paused" else None
    rollout = running(state=state, left="running" if verdict else None, verdict=verdict)
    fleet = fleet_of(rollout, **{**GOOD, "canary": {"answered": 36, "failed": 4}})

    stop = decided(rollout, fleet)

    assert (stop.kind, stop.rule) == ("abort", "errors")
    assert f"4 of 40 (10 %) requests failed with 1.1.0 on {rollout.order[0]}" in stop.sentence


def test_a_waived_rule_pauses_no_more_but_goes_on_to_stop() -> None:
    drifted = {"answered": 300, "predictions": 300, "score_counts": (300, *[0] * 9), "seconds": 60.0}
    usual = {"answered": 300, "predictions": 300, "score_counts": (*[0] * 9, 300)}
    rollout = running()
    fleet = fleet_of(rollout, canary=drifted, control=usual)
    assert (decided(rollout, fleet).kind, decided(rollout, fleet).rule) == ("pause", "scores")

    waived = running(waived=("scores",))
    assert decided(waived, fleet).kind == "advance"
    bad = fleet_of(rollout, canary={**drifted, "failed": 30}, control=usual)
    assert decided(waived, bad).kind == "abort"


def test_a_registry_whose_clock_was_years_ahead_goes_by_the_devices() -> None:
    ahead = BEGIN + timedelta(days=3650)
    rollout = running(stage_since=ahead, waits_since=ahead)
    assert decided(rollout, fleet_of(rollout, **GOOD, active_seconds=10.0)) is None
    assert decided(rollout, fleet_of(rollout, **GOOD, active_seconds=15.0)).kind == "advance"


def test_pinned_devices_have_no_part_in_it() -> None:
    rollout = running(1)
    pinned = rollout.order[2]
    fleet = fleet_of(rollout, **GOOD)
    fleet[pinned] = seen(pinned, told("0.9.0"), pinned=frozenset({TASK}))
    assert decided(rollout, fleet).kind == "advance"


COUNTS = st.fixed_dictionaries({"answered": st.integers(0, 400), "failed": st.integers(0, 40)}) | st.none()
ROLLOUTS = st.builds(
    lambda stage, devices, state, silent: {
        "prefetching": rollout_of(devices, when_silent=silent),
        "running": running(stage, devices, when_silent=silent),
        "paused": running(stage, devices, when_silent=silent, state="paused", **PAUSED),
    }[state],
    st.integers(0, 2),
    st.integers(1, 12),
    st.sampled_from(["prefetching", "running", "paused"]),
    st.sampled_from(["pause", "abort", "advance"]),
)


@st.composite
def situations(draw: st.DrawFn) -> tuple[RolloutRecord, dict[str, SeenDevice]]:
    """Rollouts, and devices of which some are away, behind, silent, pinned or refuse."""
    rollout = draw(ROLLOUTS)
    counted = {name: draw(COUNTS) for name in ("canary", "control", "before", "replay")}
    fleet = fleet_of(rollout, **counted, active_seconds=draw(st.floats(0.0, 100.0)))
    for name in list(fleet):
        match draw(st.integers(0, 12)):
            case 0:
                del fleet[name]
            case 1:
                fleet = quiet_for(fleet, draw(st.floats(1.0, 200.0)), name)
            case 2:
                fleet = but(fleet, name, active_version=OLD, candidate_state=State.PREFETCHING)
            case 3:
                refusal = {"candidate_failed_step": "verify", "failed_step": "verify"}
                fleet = but(fleet, name, candidate_state=State.REFUSED, active_version=OLD, **refusal)
            case 4:
                fleet[name] = replace(fleet[name], pinned=frozenset({TASK}))
            case 5:
                fleet[name] = replace(fleet[name], online=False)
    return rollout, fleet


def follow(rollout: RolloutRecord, change: Change, seconds: float) -> RolloutRecord:
    return changed(rollout, change, after(seconds))


@given(situations(), st.floats(0.0, 1000.0))
def test_deciding_again_on_what_follows_changes_nothing(
    situation: tuple[RolloutRecord, dict[str, SeenDevice]], seconds: float
) -> None:
    rollout, fleet = situation
    change = decided(rollout, fleet, seconds)
    assert change == decided(rollout, dict(reversed(fleet.items())), seconds)
    if change is None:
        return
    then = follow(rollout, change, seconds)
    again = decided(then, fleet, seconds)
    # What stops it may be seen in the light of the next stage only; nothing goes on twice.
    assert again is None or again.kind == "abort"


@given(situations(), st.floats(0.0, 1000.0))
def test_no_data_never_goes_on_and_a_stop_always_wins(
    situation: tuple[RolloutRecord, dict[str, SeenDevice]], seconds: float
) -> None:
    rollout, fleet = situation
    change = decided(rollout, fleet, seconds)
    if change is None:
        return
    on = change.kind in {"advance", "succeed"}
    if any(one.fires and one.then == "abort" for one in change.evidence):
        assert change.kind == "abort"
    if on:
        assert not any(one.fires for one in change.evidence)
        serving = [
            name
            for name, device in fleet.items()
            if device.processes[0].report.tasks[0].active_version == NEW and device.online
        ]
        assert serving or rollout.phase == "prefetching"
    if on and rollout.when_silent != "advance" and rollout.phase == "running" and rollout.current.bake_seconds:
        answered = [
            sum(
                w.answered + w.errors.get("INTERNAL", 0)
                for w in fleet[name].processes[0].report.windows
                if w.version == NEW
            )
            for name in serving
            if TASK not in fleet[name].pinned
        ]
        assert min(answered) >= RULES.answers


@given(situations(), st.floats(0.0, 1000.0), st.integers(1, 30))
def test_more_errors_never_turn_a_stop_into_anything_else(
    situation: tuple[RolloutRecord, dict[str, SeenDevice]], seconds: float, more: int
) -> None:
    """Answers that become errors: the evidence only grows."""
    rollout, fleet = situation
    worse = {}
    for name, device in fleet.items():
        (process,) = device.processes
        windows = tuple(
            replace(w, answered=w.answered - moved, errors={"INTERNAL": w.errors.get("INTERNAL", 0) + moved})
            if w.version == NEW and (moved := min(more, w.answered))
            else w
            for w in process.report.windows
        )
        worse[name] = replace(device, processes=(replace(process, report=replace(process.report, windows=windows)),))

    def value(of: dict[str, SeenDevice]) -> float:
        return errors(view_of(rollout, TASK, of, after(seconds), RULES)).value

    assert value(worse) >= value(fleet) - 1e-9
    before, then = decided(rollout, fleet, seconds), decided(rollout, worse, seconds)
    if before is not None and before.kind == "abort" and before.rule != "inconclusive":
        assert then.kind == "abort"
