"""Who runs what: the same for every reader, never more than a stage's share, and never an older revision."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_registry.assignments import assignment_for
from model_registry.rollouts.document import RolloutRecord, StageRecord, stages_of
from model_registry.rollouts.order import canaries, order_of, reached, salt_of
from pipit.errors import InvalidInput
from pipit.fleet.types import PinnedTask
from pipit.registry.types import Target
from pydantic import ValidationError
from rollout_builders import BEGIN, ID, NEW, OLD, STAGES, digest_of, names, pointer_of, rollout_of, running

OLD_TARGET, NEW_TARGET = Target(OLD, digest_of(OLD)), Target(NEW, digest_of(NEW))


def test_while_it_is_prefetched_all_have_it_at_hand_and_none_serves_it() -> None:
    pointer = pointer_of(rollout_of())
    for device in (*names(20), "newcomer", ""):
        told = assignment_for(pointer, device)
        assert (told.version, told.candidate, told.standby) == (OLD, NEW_TARGET, None)
        assert (told.rollout, told.stage, told.revision) == (ID, 0, 2)


def test_a_canary_serves_it_and_keeps_the_one_before() -> None:
    rollout = running(1)
    pointer = pointer_of(rollout)
    served = [device for device in names(20) if assignment_for(pointer, device).version == NEW]

    assert sorted(rollout.order[:5]) == sorted(served)
    told = assignment_for(pointer, rollout.order[0])
    assert (told.digest, told.candidate, told.standby, told.stage) == (digest_of(NEW), None, OLD_TARGET, 1)
    assert assignment_for(pointer, "newcomer").version == OLD


def test_paused_canaries_keep_serving_and_the_others_wait() -> None:
    pointer = pointer_of(running(1)).rollout_paused("ben", BEGIN)
    served = [device for device in names(20) if assignment_for(pointer, device).version == NEW]
    assert len(served) == 5

    prefetching = pointer_of(rollout_of()).rollout_paused("ben", BEGIN)
    assert {assignment_for(prefetching, device).version for device in names(20)} == {OLD}


def test_the_last_stage_is_for_all_also_for_newcomers() -> None:
    pointer = pointer_of(running(2))
    assert {assignment_for(pointer, device).version for device in (*names(20), "newcomer")} == {NEW}


def test_once_it_was_stopped_all_run_the_one_before() -> None:
    pointer = pointer_of(running(2)).rollout_aborted("ben", BEGIN)
    told = assignment_for(pointer, "pi-3")
    assert (told.version, told.rollout, told.candidate, told.standby) == (OLD, "", None, None)


def test_a_pin_wins_and_every_change_of_it_raises_the_revision() -> None:
    pin = PinnedTask("test.sounds", "0.9.0", digest_of("0.9.0"), "ben", "old board", BEGIN)
    pointer = pointer_of(running(2))

    pinned = assignment_for(pointer, "pi-3", pin, 1)
    unpinned = assignment_for(pointer, "pi-3", None, 2)

    assert (pinned.version, pinned.pinned, pinned.rollout, pinned.candidate) == ("0.9.0", True, "", None)
    assert (pinned.revision, unpinned.revision) == (pointer.revision + 1, pointer.revision + 2)


def test_only_devices_that_it_has_not_reached_run_it_in_the_shadow() -> None:
    rollout = running(1, shadow=True)
    pointer = pointer_of(rollout)
    assert not assignment_for(pointer, rollout.order[0]).shadow
    assert assignment_for(pointer, rollout.order[-1]).shadow


def test_the_order_is_the_hashes_and_another_salt_gives_another() -> None:
    order = order_of(names(6), "salt")
    # printf 'salt:pi-N' | sha256sum, sorted
    assert order == ("pi-0", "pi-5", "pi-1", "pi-3", "pi-2", "pi-4")
    assert order_of(reversed(names(6)), "salt") == order
    assert order_of(names(6), salt_of("r-1", "ab")) != order_of(names(6), salt_of("r-1", "fast"))


def test_who_is_chosen_comes_first_and_who_is_away_last() -> None:
    order = order_of(names(6), "salt", first=["pi-5", "pi-2"], away=["pi-1", "pi-2"])
    assert order == ("pi-5", "pi-2", "pi-0", "pi-3", "pi-4", "pi-1")
    with pytest.raises(InvalidInput, match="pi-77"):
        order_of(names(6), "salt", first=["pi-77"])


@given(st.integers(1, 200), st.lists(st.floats(0.001, 1.0), min_size=1, max_size=5))
def test_a_stage_never_exceeds_its_share_but_has_a_device(count: int, shares: list[float]) -> None:
    stages = tuple(StageRecord(share=share) for share in shares)
    rollout = rollout_of(count, stages=stages, state="running")
    before: tuple[str, ...] = ()
    for stage in range(len(stages)):
        now = reached(rollout, stage)
        assert now[: len(before)] == before
        assert 1 <= len(now) <= max(1, max(shares[: stage + 1]) * count + 1e-6)
        before = now
        told = pointer_of(rollout.model_copy(update={"stage": stage}))
        served = {device for device in rollout.order if assignment_for(told, device).version == NEW}
        assert served == set(now) == set(canaries(rollout.model_copy(update={"stage": stage})))


def test_profiles_are_known_by_name() -> None:
    assert stages_of("fast") == STAGES
    assert [stage.bake_seconds for stage in stages_of("careful")] == [600, 3600, 0]
    assert stages_of("ab")[0].holds
    with pytest.raises(InvalidInput, match="fast, careful, ab"):
        stages_of("slow")
    with pytest.raises(ValidationError, match="either a number"):
        StageRecord(devices=1, share=0.5)
    assert isinstance(RolloutRecord.model_validate_json(running().to_bytes()), RolloutRecord)
