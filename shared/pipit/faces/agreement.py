"""Consent as somebody gives it: who, when, what for and until when. Whether it holds later: `pipit.faces.consents`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from pipit.errors import InvalidInput, Unavailable
from pipit.faces.consents import moment
from pipit.faces.gallery import Consent

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is set shows an earlier time. A Raspberry Pi without a network starts in 1970, or when it last ran."""
LONGEST = 300
"""Characters of who agreed, and of what for."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def give_consent(by: str, purpose: str, until: str, keep_crops: bool, now: datetime) -> Consent:
    """Consent that is given at `now`, an aware time.

    by: who agreed. until: a day, through which it holds, or a time, both ISO 8601; "" for no end.
    Raises InvalidInput that says what is missing or wrong, Unavailable while the clock is not set.
    """
    check_clock(now)
    for what, text in (("who agreed (consent by)", by), ("what for (purpose)", purpose)):
        if not text.strip():
            raise InvalidInput(f"consent does not say {what}; nobody is enrolled without")
        if not text.isprintable():
            raise InvalidInput(f"{what} holds a line break or another character that can't be shown; write one line")
        if len(text) > LONGEST:
            raise InvalidInput(f"{what} takes {len(text)} characters; say it in at most {LONGEST}")
    end = _read_end(until.strip()) if until.strip() else None
    if end is not None and end <= now:
        raise InvalidInput(f"consent until {until} has ended already (this server's clock shows {_text(now)})")
    return Consent(by.strip(), _text(now), purpose.strip(), "" if end is None else _text(end), keep_crops)


def check_clock(now: datetime) -> None:
    """Raises Unavailable for a clock that can't be right."""
    if now < EARLIEST:
        raise Unavailable(
            f"this server's clock shows {_text(now)}, so that consent can't be dated; let it get the time from the "
            "network (timedatectl), and try again"
        )


def _read_end(text: str) -> datetime:
    try:
        if _DAY.fullmatch(text):
            return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), UTC)
        return moment(text).astimezone(UTC)
    except (ValueError, OverflowError, InvalidInput) as error:
        raise InvalidInput(f"{text[:40]!r} is no day; write the end of consent as 2027-06-30") from error


def _text(time_: datetime) -> str:
    return time_.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
