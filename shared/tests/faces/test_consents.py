"""A consent that has ended is none, and a clock that can't be right decides for nobody."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from pipit.errors import InvalidInput
from pipit.faces.consents import CLOCKS_DIFFER, moment, standing
from pipit.faces.gallery import Person

GIVEN = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def people(make_person: Callable[..., Person]) -> list[Person]:
    return [
        make_person(0),
        make_person(1, until="2026-12-01T00:00:00Z"),
        make_person(2, until="2027-01-01T00:00:00+00:00"),
    ]


@pytest.mark.parametrize(
    ("now", "known", "ended", "next_end"),
    [
        (GIVEN, [0, 1, 2], [], datetime(2026, 12, 1, tzinfo=UTC)),
        (datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), [0, 1, 2], [], datetime(2026, 12, 1, tzinfo=UTC)),
        (datetime(2026, 12, 1, tzinfo=UTC), [0, 2], [1], datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2030, 1, 1, tzinfo=UTC), [0], [1, 2], None),
    ],
)
def test_a_consent_ends_on_time(
    people: list[Person], now: datetime, known: list[int], ended: list[int], next_end: datetime | None
) -> None:
    found = standing(people, now)

    assert [int(person.id, 16) for person in found.people] == known
    assert [int(identity, 16) for identity in found.ended] == ended
    assert found.undecided == ()
    assert found.next_end == next_end


def test_a_clock_before_the_consent_leaves_out_whoever_has_an_end(people: list[Person]) -> None:
    found = standing(people, datetime(1970, 1, 1, tzinfo=UTC))

    assert [int(person.id, 16) for person in found.people] == [0]
    assert found.ended == ()
    assert [int(identity, 16) for identity in found.undecided] == [1, 2]


def test_one_consent_from_the_future_is_enough_to_doubt_the_clock(people: list[Person]) -> None:
    late = dataclasses.replace(people[0], consent=dataclasses.replace(people[0].consent, at="2027-06-01T00:00:00Z"))

    assert standing([late, *people[1:]], GIVEN).people == (late,)


def test_clocks_may_differ_a_little(people: list[Person]) -> None:
    assert len(standing(people, GIVEN - CLOCKS_DIFFER).people) == 3
    assert len(standing(people, GIVEN - CLOCKS_DIFFER - timedelta(seconds=1)).people) == 1


def test_times_are_utc_unless_they_say_otherwise() -> None:
    assert moment("2026-11-01T12:00:00") == moment("2026-11-01T12:00:00Z") == moment("2026-11-01T13:00:00+01:00")
    with pytest.raises(InvalidInput, match="ISO 8601"):
        moment("tomorrow")
