from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from pipit.bundle import SemanticVersion
from pipit.training.publish import code_version, next_version

versions = st.builds(
    lambda major, minor, patch, tail: SemanticVersion(f"{major}.{minor}.{patch}{tail}"),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(0, 30),
    st.sampled_from(["", "-rc.1", "-alpha", "+build.7", "-rc.2+exp"]),
)


def test_the_first_version_is_1_0_0() -> None:
    assert str(next_version([])) == "1.0.0"


def test_a_new_training_is_a_minor_step_after_the_newest() -> None:
    assert str(next_version([SemanticVersion(v) for v in ("1.9.0", "1.10.3", "1.2.0")])) == "1.11.0"
    assert str(next_version([SemanticVersion("2.0.0-rc.1+x")])) == "2.1.0"


@given(st.lists(versions, min_size=1, max_size=8))
def test_it_is_newer_than_all(published: list[SemanticVersion]) -> None:
    assert all(version < next_version(published) for version in published)


def test_the_code_version_names_the_package_and_the_commit() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+( \([0-9a-f]{7,40}(\+dirty)?\))?", code_version())
