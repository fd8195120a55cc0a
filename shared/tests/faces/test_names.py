"""Names of people: what is allowed, and that a refusal says what is wrong."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import InvalidInput
from pipit.faces.names import LONGEST, check_name


@pytest.mark.parametrize("name", ["Anna", "Zoë O'Brien-Ødegård", "👩‍👩‍👧 🇫🇷", "x" * 100, "محمد", "می‌خواهم", "7"])
def test_people_have_all_kinds_of_names(name: str) -> None:
    assert check_name(name) == unicodedata.normalize("NFC", name)


def test_a_name_is_the_same_however_it_was_typed() -> None:
    assert check_name("Zoe\u0308") == check_name("Zo\u00eb") == "Zo\u00eb"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("", "needs a name"),
        ("   ", "needs a name"),
        ("a" * 300, "a name of 300 characters; give at most 100"),
        ("anna/bob", "character 5 of the name is a slash"),
        ("anna\\bob", "character 5 of the name is a slash"),
        ("anna\nbob", "character 5 of the name is a line break"),
        ("\u2028anna", "character 1 of the name is a line break"),
        ("anna\x07", "character 5 of the name is a control character"),
        ("\u202eanna", "character 1 of the name is an invisible character"),
        (" anna", "begins or ends with a space"),
        ("Unknown", "is what faces without a name are called"),
    ],
)
def test_what_is_wrong_is_said(name: str, wrong: str) -> None:
    with pytest.raises(InvalidInput, match=wrong):
        check_name(name)


@given(st.text(max_size=200))
def test_what_is_let_through_is_one_short_line(name: str) -> None:
    try:
        checked = check_name(name)
    except InvalidInput:
        return
    assert 0 < len(checked) <= LONGEST
    assert len(checked.splitlines()) == 1
    assert "/" not in checked
    assert check_name(checked) == checked
