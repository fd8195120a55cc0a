"""Whose consent holds now: one that has ended, or can't be judged, is as good as none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipit.errors import InvalidInput
from pipit.faces.gallery import Person

CLOCKS_DIFFER = timedelta(minutes=10)
"""A device may have its clock behind that of the machine where somebody was enrolled by this, and is believed."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Who may be known at one moment.

    ended: ids of those whose consent has ended. undecided: ids of those who are left out because the clock shows a
    time before somebody agreed, so that no end can be judged. next_end: when the next consent ends, if any does.
    """

    people: tuple[Person, ...]
    ended: tuple[str, ...]
    undecided: tuple[str, ...]
    next_end: datetime | None


def moment(text: str) -> datetime:
    """A time of a consent, aware; without a zone it is UTC. Raises InvalidInput."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text[:40]!r} is not a time; write it as 2027-01-31T12:00:00Z (ISO 8601, UTC)") from None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def standing(people: Iterable[Person], now: datetime) -> Standing:
    """Who of `people` may be known at `now`, an aware time.

    A clock that shows a time before any consent was given (1970, on a board without a clock) is not believed: then
    everybody whose consent ends some day is left out, for it may have ended.
    """
    everybody = tuple(people)
    believed = all(moment(person.consent.at) <= now + CLOCKS_DIFFER for person in everybody)
    ends = {person.id: moment(person.consent.until) for person in everybody if person.consent.until}
    ended = tuple(identity for identity, end in ends.items() if end <= now) if believed else ()
    undecided = () if believed else tuple(ends)
    out = {*ended, *undecided}
    return Standing(
        tuple(person for person in everybody if person.id not in out),
        ended,
        undecided,
        min((end for end in ends.values() if end > now), default=None),
    )
