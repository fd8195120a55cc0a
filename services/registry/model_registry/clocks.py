"""When moves happened, by clocks of which some were wrong: a Pi without a battery begins in 1970.

The order of moves is known by their revisions. The longest run of dates that goes with it is believed; a move with
another date happened between its neighbours, and is taken to have happened with the next one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

SLACK = timedelta(days=1)
"""Clocks that are set right go back by less; what is further off is a wrong clock."""


def dated(now: datetime, last: datetime | None) -> datetime:
    """The date of a move after one of the date `last`: never a little earlier, and no longer a wrong clock's."""
    return last if last is not None and timedelta(0) < last - now <= SLACK else now


def believed(dates: Sequence[datetime]) -> list[datetime]:
    """A date for each, in an order that never goes back."""
    # The longest ascending run: `ends[n]` is the index of the lowest date that ends a run of n + 1.
    ends: list[int] = []
    before: list[int | None] = []
    for index, date in enumerate(dates):
        place = bisect_right(ends, date, key=lambda end: dates[end])
        before.append(ends[place - 1] if place else None)
        ends[place : place + 1] = [index]
    run: set[int] = set()
    at = ends[-1] if ends else None
    while at is not None:
        run.add(at)
        at = before[at]
    found = list(dates)
    # Who has no believed neighbour after it is as late as the last one before it.
    latest = max((dates[index] for index in run), default=None)
    for index in reversed(range(len(dates))):
        if index in run or latest is None:
            latest = dates[index]
        found[index] = latest
    return found
