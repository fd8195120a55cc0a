"""Moments as people and programs write them."""

from __future__ import annotations

import re

from pipit.errors import InvalidInput

_SECONDS = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,5}):)?(\d{1,2}):(\d{1,2}(?:\.\d{1,9})?)", re.ASCII)


def seconds_of(text: str) -> float:
    """Seconds (`83.5`), or minutes and hours before them (`1:23.5`, `0:01:23.5`). Raises InvalidInput."""
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    parts = _CLOCK.fullmatch(text)
    if parts is None:
        raise InvalidInput(f"{text[:40]!r} is no time; write seconds as 83.5, or 0:01:23.5")
    hours, minutes, seconds = int(parts[1] or 0), int(parts[2]), float(parts[3])
    if seconds >= 60 or (parts[1] is not None and minutes >= 60):
        raise InvalidInput(f"{text!r} is no time: 60 seconds are a minute, and 60 minutes an hour")
    return hours * 3600 + minutes * 60 + seconds
