from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.bundle import SemanticVersion
from pipit.errors import InvalidInput

# semver.org, item 11, and the numbers that a comparison of texts gets wrong.
ASCENDING = [
    "0.0.1-0", "0.0.1", "0.9.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
    "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.9.0", "1.10.0", "1.10.1-9", "1.10.1-10", "1.10.1--1",
    "1.10.1-a", "2.0.0-rc.1", "2.0.0", "10.0.0",
]  # fmt: skip

NUMBERS = st.integers(0, 30).map(str)
IDENTIFIERS = NUMBERS | st.from_regex(r"\A[0-9]{0,2}[A-Za-z-][0-9A-Za-z-]{0,3}\Z")
BUILDS = st.lists(st.from_regex(r"\A[0-9A-Za-z-]{1,4}\Z"), max_size=2).map(".".join)


@st.composite
def versions(draw: st.DrawFn, build: bool = True) -> str:
    text = ".".join(draw(st.lists(NUMBERS, min_size=3, max_size=3)))
    pre = ".".join(draw(st.lists(IDENTIFIERS, max_size=3)))
    metadata = draw(BUILDS) if build else ""
    return text + (f"-{pre}" if pre else "") + (f"+{metadata}" if metadata else "")


def precedence(left: str, right: str) -> int:
    """-1, 0 or 1: item 11 of the standard, step by step, on the texts."""
    (left_core, _, left_pre), (right_core, _, right_pre) = (text.split("+")[0].partition("-") for text in (left, right))
    for one, other in zip(left_core.split("."), right_core.split("."), strict=True):
        if int(one) != int(other):
            return -1 if int(one) < int(other) else 1
    if not left_pre or not right_pre:
        return bool(right_pre) - bool(left_pre)
    for one, other in zip(left_pre.split("."), right_pre.split("."), strict=False):
        if one == other:
            continue
        if one.isdigit() and other.isdigit():
            return -1 if int(one) < int(other) else 1
        if one.isdigit() or other.isdigit():
            return -1 if one.isdigit() else 1
        return -1 if one.encode("ascii") < other.encode("ascii") else 1
    lengths = left_pre.count("."), right_pre.count(".")
    return (lengths[0] > lengths[1]) - (lengths[0] < lengths[1])


def test_the_standards_own_order() -> None:
    for smaller, larger in itertools.combinations(ASCENDING, 2):
        assert SemanticVersion(smaller) < SemanticVersion(larger), (smaller, larger)
        assert SemanticVersion(larger) > SemanticVersion(smaller), (smaller, larger)


@given(versions(), versions())
def test_order_is_that_of_the_standard(left: str, right: str) -> None:
    expected = precedence(left, right)
    if expected:
        assert (SemanticVersion(left) < SemanticVersion(right)) == (expected < 0)
        assert (SemanticVersion(left) > SemanticVersion(right)) == (expected > 0)


@given(st.lists(versions(), min_size=3, max_size=3))
def test_order_is_total(texts: list[str]) -> None:
    one, two, three = map(SemanticVersion, texts)
    assert [one < two, one == two, one > two].count(True) == 1
    if one <= two <= three:
        assert one <= three


@given(versions(build=False), BUILDS, BUILDS)
def test_build_metadata_names_another_version_but_gives_it_no_rank(text: str, left: str, right: str) -> None:
    one, two = (SemanticVersion(f"{text}+{build}" if build else text) for build in (left, right))
    assert (one == two) == (left == right)
    later = SemanticVersion(f"{int(text.split('.', maxsplit=1)[0]) + 1}.0.0")
    assert max(one, two) < later


@given(versions())
def test_text_is_kept_and_equal_versions_hash_alike(text: str) -> None:
    assert str(SemanticVersion(text)) == text
    assert len({SemanticVersion(text), SemanticVersion(text)}) == 1


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.2", "1.2.3.4", "v1.2.3", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3+", "1.2.3-a..b", " 1.2.3", "1.2.3\n",
     "1.2.٣", "1.2.x", "1.2.3-ä", "1.2.3+a+b", "-1.2.3", "1.2." + "3" * 200],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a semantic version such as"):
        SemanticVersion(text)


@given(st.text(max_size=30))
def test_any_text_is_a_version_or_refused(text: str) -> None:
    try:
        version = SemanticVersion(text)
    except InvalidInput:
        return
    assert str(version) == text


def test_a_version_does_not_compare_with_a_text() -> None:
    with pytest.raises(TypeError):
        assert SemanticVersion("1.0.0") < "2.0.0"
    assert SemanticVersion("1.0.0") != "1.0.0"
