"""A rollout inside its environment: each change raises the revision, and the trail follows from the history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_registry.pointer import Pointer, replay
from model_registry.rollouts.document import INCONCLUSIVE, EvidenceRecord, new_id
from model_registry.rollouts.states import Change, next_stage
from pipit.errors import Conflict, NotFound, PipitError, RolloutOpen
from pydantic import ValidationError
from rollout_builders import BEGIN, ENVIRONMENT, ID, NEW, OLD, TASK, digest_of, pointer_of, rollout_of, running

LATER = BEGIN + timedelta(minutes=1)
ON = Change("advance", "bake", "it was watched")


def test_a_rollout_leaves_the_version_alone_until_it_succeeds() -> None:
    pointer = pointer_of(rollout_of())
    assert (pointer.version, pointer.revision) == (OLD, 2)

    versions = []
    for _ in range(3):
        pointer = pointer.rollout_changed(ON, LATER)
        assert pointer.rollout is not None
        versions.append((pointer.version, pointer.rollout.stage, pointer.revision))
    assert versions == [(OLD, 0, 3), (OLD, 1, 4), (OLD, 2, 5)]

    done = pointer.rollout_changed(Change("succeed", "bake", "all serve it"), LATER)

    assert (done.version, done.digest, done.revision, done.rollout) == (NEW, digest_of(NEW), 6, None)
    assert done.last_rollout is not None
    assert (done.last_rollout.state, done.last_rollout.ended_at) == ("succeeded", LATER)
    move = done.moves()[-1]
    assert (move.action, move.actor, move.reason, move.revision) == ("promote", "anna", "all serve it", 6)
    assert done.rolled_back("ben", LATER).version == OLD


def test_a_stop_is_in_the_history_with_its_sentence_and_leaves_the_trail() -> None:
    pointer = pointer_of(running())
    sentence = "1 of 1 requests failed on pi-3"

    stopped = pointer.rollout_changed(Change("abort", "errors", sentence), LATER)

    assert (stopped.version, stopped.revision, stopped.rollout) == (OLD, 3, None)
    move = stopped.moves()[-1]
    assert (move.action, move.from_version, move.to_version, move.reason) == ("stop", NEW, OLD, sentence)
    assert move.actor == "rule errors"
    assert [version for version, _ in replay(stopped.history)] == [OLD]
    with pytest.raises(NotFound, match="no version before"):
        stopped.rolled_back("ben", LATER)


def test_rolling_back_while_one_is_open_aborts_it() -> None:
    pointer = pointer_of(running(1)).rolled_back("ben", LATER, "it barks")

    assert pointer.rollout is None
    assert pointer.last_rollout is not None
    assert pointer.last_rollout.state == "aborted"
    assert (pointer.moves()[-1].action, pointer.moves()[-1].actor) == ("stop", "ben")
    assert "it barks" in pointer.moves()[-1].reason


def test_nothing_else_moves_while_one_is_open_but_another_may_take_its_place() -> None:
    pointer = pointer_of(running())
    with pytest.raises(RolloutOpen, match=ID):
        pointer.promoted("2.0.0", digest_of("2.0.0"), "ben", LATER)
    with pytest.raises(RolloutOpen, match=ID):
        pointer.rollout_started(rollout_of())

    other = pointer.rollout_superseded("ben", LATER, "1.2.0 is better").rollout_started(rollout_of(id="r-0000000000ff"))

    assert other.rollout is not None
    assert other.rollout.id == "r-0000000000ff"
    assert other.last_rollout is not None
    assert (other.last_rollout.id, other.last_rollout.state) == (ID, "superseded")
    assert other.revision == pointer.revision + 2


def test_who_lets_a_paused_one_go_on_waives_the_rule_that_paused_it() -> None:
    seen = EvidenceRecord(rule="unknown", value=2.0, limit=1.0, fires=True, then="pause", sentence="twice as many")
    pointer = pointer_of(running(1)).rollout_changed(Change("pause", "scores", "drifted", evidence=(seen,)), LATER)
    assert pointer.rollout is not None
    assert (pointer.rollout.state, pointer.rollout.phase) == ("paused", "running")

    on = pointer.rollout_resumed("ben", LATER, "the new microphone").rollout

    assert on is not None
    assert (on.state, on.stage, on.waived, on.verdict) == ("running", 1, ("scores", "unknown"), None)
    ahead = pointer.rollout_resumed("ben", LATER, "the new microphone", advance=True).rollout
    assert ahead is not None
    assert (ahead.stage, ahead.waived) == (2, ("scores", "unknown"))


def test_what_goes_on_by_itself_waives_nothing_and_goes_back_to_prefetching() -> None:
    pointer = pointer_of(rollout_of()).rollout_changed(Change("pause", INCONCLUSIVE, "nobody there"), LATER)

    on = pointer.rollout_changed(Change("resume", INCONCLUSIVE, "pi-3 is there"), LATER).rollout

    assert on is not None
    assert (on.state, on.waived, on.waits_since) == ("prefetching", (), LATER)


def test_an_operator_pauses_also_what_a_rule_had_paused() -> None:
    pointer = pointer_of(running()).rollout_changed(Change("pause", INCONCLUSIVE, "no traffic"), LATER)

    paused = pointer.rollout_paused("ben", LATER, "wait for me").rollout

    assert paused is not None
    assert paused.verdict is not None
    assert (paused.verdict.rule, paused.verdict.by) == ("operator", "ben")
    with pytest.raises(Conflict, match="stands still already"):
        pointer_of(running()).rollout_paused("ben", LATER).rollout_paused("ben", LATER)


def test_an_operator_may_send_it_on_from_every_open_state() -> None:
    paused = pointer_of(running()).rollout_paused("ben", LATER)
    for pointer, stage in ((pointer_of(rollout_of()), 0), (pointer_of(running()), 1), (paused, 1)):
        on = pointer.rollout_resumed("ben", LATER, advance=True).rollout
        assert on is not None
        assert (on.state, on.stage) == ("running", stage)

    assert pointer_of(running(2)).rollout_resumed("ben", LATER, advance=True).version == NEW


@pytest.mark.parametrize(
    ("rollout", "change"),
    [
        (running(2), ON),
        (running(1), Change("succeed", "bake", "")),
        (rollout_of(), Change("succeed", "bake", "")),
        (running(), Change("resume", "operator", "")),
        (running().model_copy(update={"state": "aborted", "ended_at": LATER}), ON),
    ],
)
def test_there_is_no_other_way_between_states(rollout: object, change: Change) -> None:
    pointer = pointer_of().model_copy(update={"rollout": rollout})
    with pytest.raises(Conflict, match=ID):
        pointer.rollout_changed(change, LATER)


def test_a_wrong_clock_can_not_begin_a_stage_before_the_one_before() -> None:
    begun = pointer_of(rollout_of(waits_since=LATER)).rollout_changed(ON, BEGIN).rollout

    assert begun is not None
    assert begun.stage_since == LATER


def test_an_older_document_is_read_and_a_newer_one_keeps_what_is_unknown_here() -> None:
    old = b'{"format": 1, "task": "test.sounds", "name": "production", "version": "", "digest": "", "revision": 0}'
    assert Pointer.model_validate_json(old).rollout is None

    newer = pointer_of(running()).to_bytes().replace(b'"salt":', b'"weather": "rain", "salt":')
    moved = Pointer.model_validate_json(newer).rollout_changed(ON, LATER)
    assert b'"weather"' in moved.to_bytes()


def test_without_a_rollout_there_is_nothing_to_change() -> None:
    with pytest.raises(NotFound, match="pipit rollout start"):
        pointer_of().rollout_aborted("ben", LATER)


def test_ids_sort_by_time() -> None:
    early = new_id(datetime(1970, 1, 1, tzinfo=UTC))
    ids = [new_id(BEGIN + timedelta(seconds=seconds)) for seconds in range(20)]
    assert [early, *ids] == sorted([early, *ids])
    assert all(rollout_of(id=name).id == name for name in ids)
    with pytest.raises(ValidationError):
        rollout_of(id="../versions/1")


STEPS = st.lists(
    st.sampled_from(["start", "on", "pause", "resume", "advance", "abort", "supersede", "rollback", "promote"]),
    max_size=25,
)


def operated(pointer: Pointer, step: str, at: datetime) -> Pointer:
    """What a person may do."""
    match step:
        case "pause":
            return pointer.rollout_paused("ben", at)
        case "resume":
            return pointer.rollout_resumed("ben", at)
        case "advance":
            return pointer.rollout_resumed("ben", at, advance=True)
        case "abort":
            return pointer.rollout_aborted("ben", at)
        case _:
            return pointer.rollout_superseded("ben", at)


@given(STEPS, st.lists(st.integers(-3, 3), min_size=25, max_size=25))
def test_whatever_happens_revisions_grow_and_the_history_says_where_it_stands(
    steps: list[str], minutes: list[int]
) -> None:
    pointer = Pointer(task=TASK, name=ENVIRONMENT).promoted(OLD, digest_of(OLD), "anna", BEGIN)
    for number, (step, minute) in enumerate(zip(steps, minutes, strict=False)):
        at = BEGIN + timedelta(minutes=minute)
        before = pointer
        version = f"2.{number}.0"
        try:
            if step == "start":
                to = {"to_version": version, "to_digest": digest_of(version)}
                pointer = pointer.rollout_started(
                    rollout_of(from_version=pointer.version, from_digest=pointer.digest, **to)
                )
            elif step == "on":
                on = next_stage(pointer.rollout, "bake", "on") if pointer.rollout else ON
                pointer = pointer.rollout_changed(on, at)
            elif step == "promote":
                pointer = pointer.promoted(version, digest_of(version), "anna", at)
            elif step == "rollback":
                pointer = pointer.rolled_back("ben", at)
            else:
                pointer = operated(pointer, step, at)
        except PipitError:
            assert pointer is before
            continue
        assert pointer.revision > before.revision
        assert pointer.history[: len(before.history)] == before.history
        assert replay(pointer.history)[-1] == (pointer.version, pointer.digest)
        assert Pointer.model_validate_json(pointer.to_bytes()) == pointer
        assert pointer.rollout is None or pointer.rollout.from_version == pointer.version
        assert pointer.last_rollout is None or not pointer.last_rollout.is_open
