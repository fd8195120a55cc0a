"""What a device ran last, kept on its disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipit.errors import InvalidInput
from pipit.registry import Assignment, BundleCache
from pipit.registry.remembered import RememberedAssignments
from pipit.registry.types import Target

FIRST = Assignment("test.sounds", "production", "1.0.0", "a" * 64, 3)
SECOND = Assignment("test.sounds", "production", "1.1.0", "b" * 64, 4)


def test_the_last_one_is_remembered(tmp_path: Path) -> None:
    cache = BundleCache(tmp_path, 1000)
    assert cache.remembered("test.sounds", "production") == ()

    cache.remember(FIRST)
    cache.remember(SECOND)

    again = BundleCache(tmp_path, 1000)
    assert again.remembered("test.sounds", "production") == (SECOND,)
    assert again.remembered("test.sounds", "staging") == ()


def test_what_served_well_is_remembered_beside_it(tmp_path: Path) -> None:
    cache = BundleCache(tmp_path, 1000)
    cache.remember_good(FIRST)
    assert cache.remembered("test.sounds", "production") == (FIRST,)
    cache.remember(SECOND)
    assert cache.remembered("test.sounds", "production") == (SECOND, FIRST)
    cache.remember_good(SECOND)
    assert cache.remembered("test.sounds", "production") == (SECOND,)


def test_of_a_rollout_only_what_served_is_remembered(tmp_path: Path) -> None:
    target = Target("1.1.0", "b" * 64)
    cache = BundleCache(tmp_path, 1000)
    cache.remember(replace(FIRST, rollout="r-1", stage=2, candidate=target, shadow=True, standby=target, pinned=True))
    assert cache.remembered("test.sounds", "production") == (FIRST,)
    # The same version, told at another stage, is no other one to start with.
    cache.remember_good(replace(FIRST, revision=9, rollout="r-1"))
    assert cache.remembered("test.sounds", "production") == (FIRST,)


def test_all_that_can_be_read_are_given(tmp_path: Path) -> None:
    remembered = RememberedAssignments(tmp_path)
    other = Assignment("test.faces", "staging", "2.0.0", "c" * 64, 1)
    remembered.write(FIRST)
    remembered.write(other)
    (tmp_path / "test.faces" / "production.json").write_text("{")

    assert sorted(remembered.all(), key=lambda assignment: assignment.task) == [other, FIRST]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.binary(max_size=80) | st.sampled_from([b"{}", b"null", b'{"task": 1}', b"[]"]))
def test_what_can_not_be_read_is_forgotten(tmp_path: Path, content: bytes) -> None:
    remembered = RememberedAssignments(tmp_path)
    remembered.write(FIRST)
    (tmp_path / "test.sounds" / "production.json").write_bytes(content)

    assert remembered.read("test.sounds", "production") is None


@pytest.mark.parametrize(("task", "environment"), [("..", "x"), ("a/b", "x"), ("a", "../x"), ("", "x"), ("a", "")])
def test_names_do_not_leave_the_folder(tmp_path: Path, task: str, environment: str) -> None:
    with pytest.raises(InvalidInput, match="not the name"):
        RememberedAssignments(tmp_path).read(task, environment)
