from __future__ import annotations

from pathlib import Path

import pytest
from pipit.errors import Conflict
from pipit.registry import Assignment, SeenRevisions


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
