"""Consent that is given: what it says, and by what clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pipit.errors import InvalidInput, Unavailable
from pipit.faces.agreement import give_consent

NOW = datetime(2026, 11, 28, 19, 0, tzinfo=UTC)
IN_1970 = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)


def test_consent_through_a_day_ends_with_that_day() -> None:
    consent = give_consent(" Anna ", "the front door", "2027-06-30", True, NOW)
    assert (consent.by, consent.at, consent.until) == ("Anna", "2026-11-28T19:00:00Z", "2027-07-01T00:00:00Z")
    assert (consent.purpose, consent.keep_crops) == ("the front door", True)


def test_a_time_with_a_zone_is_kept_as_utc() -> None:
    assert give_consent("Anna", "door", "2026-12-01T01:00:00+02:00", False, NOW).until == "2026-11-30T23:00:00Z"


def test_consent_without_an_end() -> None:
    assert give_consent("Anna", "door", "", False, NOW).until == ""


def test_nobody_is_enrolled_by_a_clock_in_1970() -> None:
    with pytest.raises(Unavailable, match=r"1970-01-01T00:01:00Z.*let it get the time"):
        give_consent("Anna", "door", "2027-06-30", False, IN_1970)


@pytest.mark.parametrize(
    ("by", "purpose", "until", "wrong"),
    [
        ("", "door", "", "who agreed"),
        ("Anna", " ", "", "what for"),
        ("Anna\nBob", "door", "", "who agreed .* holds a line break"),
        ("Anna", "d" * 301, "", "takes 301 characters"),
        ("Anna", "door", "2026-11-27", "has ended already"),
        ("Anna", "door", "30.6.2027", "is no day; write the end of consent as 2027-06-30"),
        ("Anna", "door", "2027-02-30", "is no day"),
        ("Anna", "door", "9999-12-31", "is no day"),
    ],
)
def test_what_is_missing_or_wrong_is_said(by: str, purpose: str, until: str, wrong: str) -> None:
    with pytest.raises(InvalidInput, match=wrong):
        give_consent(by, purpose, until, False, NOW)
