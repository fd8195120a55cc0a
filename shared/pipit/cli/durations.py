"""Lengths of time, for people."""

from __future__ import annotations

from datetime import datetime

_UNITS = (("d", 86400.0), ("h", 3600.0), ("min", 60.0))


def duration(seconds: float) -> str:
    """In the largest unit that leaves at least two of it."""
    for name, size in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"


def ago(moment: datetime | None, now: datetime) -> str:
    """How long since then. Clocks may differ a little: what lies ahead is now."""
    return "never" if moment is None else f"{duration(max(0.0, (now - moment).total_seconds()))} ago"
