"""The pointer's state machine: whatever happens, its history says where it stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_registry.clocks import believed
from model_registry.pointer import Pointer, replay
from pipit.errors import NotFound

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
EMPTY = Pointer(task="test.sounds", name="production")


def digest_of(version: str) -> str:
    return f"{version:0>64}"


def promote(pointer: Pointer, version: str, day: int = 0) -> Pointer:
    return pointer.promoted(version, digest_of(version), "anna", BEGIN + timedelta(days=day), "tested")


def roll_back(pointer: Pointer, day: int = 0) -> Pointer:
    return pointer.rolled_back("ben", BEGIN + timedelta(days=day), "it barks")


def test_rolling_back_again_goes_further_back() -> None:
    pointer = promote(promote(promote(EMPTY, "1"), "2"), "3")

    once = roll_back(pointer)
    twice = roll_back(once)

    assert [once.version, twice.version] == ["2", "1"]
    assert twice.revision == 5
    with pytest.raises(NotFound, match="no version before 1"):
        roll_back(twice)


def test_a_promotion_after_a_rollback_goes_on_from_there() -> None:
    pointer = promote(roll_back(promote(promote(EMPTY, "1"), "2")), "3")

    assert pointer.version == "3"
    assert roll_back(pointer).version == "1"


def test_the_same_version_again_is_no_move() -> None:
    pointer = promote(EMPTY, "1")

    assert promote(pointer, "1", day=3) is pointer


def test_what_was_never_promoted_has_nothing_to_go_back_to() -> None:
    with pytest.raises(NotFound, match="no version before"):
        roll_back(EMPTY)


def test_the_history_says_who_did_what_and_what_was_in_force() -> None:
    pointer = roll_back(promote(promote(EMPTY, "1", day=0), "2", day=5), day=9)

    first, second, third = pointer.moves()
    assert (first.actor, first.action, first.from_version, first.to_version) == ("anna", "promote", "", "1")
    assert (third.actor, third.action, third.from_version, third.to_version) == ("ben", "rollback", "2", "1")
    assert third.reason == "it barks"
    assert pointer.in_force(BEGIN - timedelta(seconds=1)) is None
    assert pointer.in_force(BEGIN) == first
    assert pointer.in_force(BEGIN + timedelta(days=7)) == second
    assert pointer.in_force(BEGIN + timedelta(days=700)) == third


def promote_at(pointer: Pointer, version: str, at: datetime) -> Pointer:
    return pointer.promoted(version, digest_of(version), "anna", at)


def test_a_clock_that_was_set_right_does_not_turn_the_history_round() -> None:
    pointer = promote_at(promote(EMPTY, "1", day=5), "2", BEGIN + timedelta(days=4, hours=23))

    assert [move.at for move in pointer.moves()] == [BEGIN + timedelta(days=5)] * 2
    move = pointer.in_force(BEGIN + timedelta(days=5))
    assert move is not None
    assert move.to_version == "2"


@pytest.mark.parametrize("wrong", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)])
def test_one_wrong_clock_dates_no_other_move(wrong: datetime) -> None:
    pointer = promote_at(promote(promote(EMPTY, "1", day=0), "2", day=2), "3", wrong)
    pointer = promote(promote(pointer, "4", day=6), "5", day=8)

    assert [move.at for move in pointer.moves()] == [*(BEGIN + timedelta(days=n) for n in (0, 2)), wrong] + [
        BEGIN + timedelta(days=n) for n in (6, 8)
    ]
    for day, version in ((0, "1"), (1, "1"), (3, "2"), (5, "2"), (6, "4"), (7, "4"), (9, "5"), (9000, "5")):
        move = pointer.in_force(BEGIN + timedelta(days=day))
        assert move is not None
        assert move.to_version == version
    assert pointer.in_force(BEGIN - timedelta(seconds=1)) is None


def test_the_last_move_is_in_force_now_whatever_its_clock_said() -> None:
    pointer = promote_at(promote(promote(EMPTY, "1", day=0), "2", day=2), "3", datetime(1970, 1, 1, tzinfo=UTC))

    move = pointer.in_force(BEGIN + timedelta(days=3))
    assert move is not None
    assert move.to_version == "3"


@given(st.lists(st.integers(0, 400).map(lambda day: BEGIN + timedelta(days=day)), max_size=30))
def test_believed_dates_never_go_back_and_right_ones_stay(dates: list[datetime]) -> None:
    found = believed(dates)
    assert found == sorted(found)
    assert set(found) <= set(dates)
    assert believed(sorted(dates)) == sorted(dates)


def test_what_a_newer_service_wrote_is_kept() -> None:
    stored = promote(EMPTY, "1").to_bytes().replace(b'"format": 1,', b'"format": 1, "later": {"share": 0.1},')

    moved = promote(Pointer.model_validate_json(stored), "2")

    assert b'"later"' in moved.to_bytes()


@given(st.lists(st.sampled_from(["1", "2", "3", "back"]), max_size=30), st.lists(st.integers(-3, 3), min_size=30))
def test_replaying_the_history_gives_the_state(steps: list[str], days: list[int]) -> None:
    pointer = EMPTY
    expected: list[str] = []
    for step, day in zip(steps, days, strict=False):
        before = pointer
        if step != "back":
            pointer = promote(pointer, step, day)
            if not expected or expected[-1] != step:
                expected.append(step)
        elif len(expected) > 1:
            pointer = roll_back(pointer, day)
            expected.pop()
        else:
            with pytest.raises(NotFound):
                roll_back(pointer, day)
        assert pointer.history[: len(before.history)] == before.history

        read_back = Pointer.model_validate_json(pointer.to_bytes())
        assert read_back == pointer
        trail = replay(read_back.history)
        assert [version for version, _ in trail] == expected
        assert (trail[-1] if trail else ("", "")) == (pointer.version, pointer.digest)
        assert pointer.revision == len(pointer.history)
        assert [record.revision for record in pointer.history] == list(range(1, pointer.revision + 1))
        assert [record.from_version for record in pointer.history[1:]] == [
            record.to_version for record in pointer.history[:-1]
        ]
        if pointer.history:
            move = pointer.in_force(BEGIN + timedelta(days=1000))
            assert move is not None
            assert (move.to_version, move.revision) == (pointer.version, pointer.revision)
