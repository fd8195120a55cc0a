from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pipit.errors import Conflict
from pipit.registry import Assignment, SeenRevisions
from pipit.registry.types import Target


def told(version: str, revision: int, environment: str = "production", digest: str = "0") -> Assignment:
    return Assignment("test.sounds", environment, version, digest * 64, revision)


def test_moves_are_followed_forwards_only_also_after_a_restart(tmp_path: Path) -> None:
    SeenRevisions(tmp_path).check(told("1.0.0", 1))
    SeenRevisions(tmp_path).check(told("1.1.0", 4))
    # The same again, as whenever the registry is reached anew.
    SeenRevisions(tmp_path).check(told("1.1.0", 4))
    with pytest.raises(Conflict, match="--newer-than 4"):
        SeenRevisions(tmp_path).check(told("1.0.0", 3))
    # A rollback is a newer move.
    SeenRevisions(tmp_path).check(told("1.0.0", 5))
    with pytest.raises(Conflict, match=r"version 1\.1\.0 by move 4 of 'production'.* move 5 \(version 1\.0\.0\)"):
        SeenRevisions(tmp_path).check(told("1.1.0", 4))


def test_another_move_of_the_same_revision_is_another_history(tmp_path: Path) -> None:
    seen = SeenRevisions(tmp_path)
    seen.check(told("1.0.0", 2))
    with pytest.raises(Conflict, match="move 2"):
        seen.check(told("1.0.0", 2, digest="1"))


def test_each_environment_has_moves_of_its_own(tmp_path: Path) -> None:
    seen = SeenRevisions(tmp_path)
    seen.check(told("1.0.0", 9))
    seen.check(told("1.0.0", 1, "staging"))


def test_what_can_not_be_kept_is_followed_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "seen").write_text("in the way")
    seen = SeenRevisions(tmp_path / "seen")
    seen.check(told("1.0.0", 1))
    seen.check(told("1.1.0", 2))


def test_what_a_rollout_adds_to_a_revision_makes_no_other_move_of_it(tmp_path: Path) -> None:
    seen = SeenRevisions(tmp_path)
    seen.check(told("1.0.0", 7))
    candidate = Target("2.0.0", "b" * 64)
    seen.check(replace(told("1.0.0", 7), rollout="r-1", candidate=candidate, shadow=True))
    # A copy of the registry that does not know of rollouts yet.
    seen.check(told("1.0.0", 7))
    seen.check(replace(told("2.0.0", 8, digest="b"), rollout="r-1", stage=1, standby=Target("1.0.0", "0" * 64)))
    with pytest.raises(Conflict, match="--newer-than 8"):
        seen.check(replace(told("1.0.0", 7), candidate=candidate))
    with pytest.raises(Conflict, match=r"version 2\.0\.0\) already"):
        seen.check(replace(told("1.0.0", 8), pinned=True))


def test_a_device_that_comes_back_after_a_month_follows_what_is_told_then(tmp_path: Path) -> None:
    SeenRevisions(tmp_path).check(replace(told("1.0.0", 7), rollout="r-1", candidate=Target("2.0.0", "b" * 64)))
    canary = replace(told("1.4.0", 61, digest="e"), rollout="r-9", standby=Target("1.3.0", "d" * 64))
    SeenRevisions(tmp_path).check(canary)
    with pytest.raises(Conflict, match=r"move 61 \(version 1\.4\.0\)"):
        SeenRevisions(tmp_path).check(told("1.3.0", 60, digest="d"))


def test_a_pin_and_its_end_are_newer_moves(tmp_path: Path) -> None:
    seen = SeenRevisions(tmp_path)
    seen.check(told("1.1.0", 4))
    seen.check(replace(told("1.0.0", 5), pinned=True))
    seen.check(told("1.1.0", 6))
    with pytest.raises(Conflict, match="move 6"):
        seen.check(replace(told("1.0.0", 5), pinned=True))
