"""When somebody agreed to be known, until when that holds, and what a clock that stands wrong does to it.

consent.at ────────── in force ──────────> consent.until
     │                                          │
a clock before `at` is wrong:             from here on the person
what ends is taken as ended               is not named any more
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from pipit.errors import InvalidInput, Unavailable
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
        return _read(text)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"{text[:40]!r} is no day; write the end of consent as 2027-06-30") from error


def _read(text: str) -> datetime:
    """A time without a zone is UTC."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
