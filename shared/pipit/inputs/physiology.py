"""Physiology by the minute: heart rate, variability, sweat. What devices on wrist and chest export.

minute,heart_rate,rmssd,skin_conductance
0,71,0.042,5.1
1,74,,5.3
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InputTooLarge, InvalidInput
from pipit.tables import open_table

TENSOR = "physiology"
"""The name under which tasks take it."""
PHYSIOLOGY_NAMES = ("heart_rate", "rmssd", "skin_conductance")
"""Beats a minute; root mean square of successive differences of beats, in seconds; any unit of conductance."""
MISSING = 999.0
"""How SWELL-KW writes a missing value; so may callers, as well as NaN."""
LARGEST_RMSSD = 2.0
"""Seconds. Nobody's heart is less even; such a value is in milliseconds."""
MOST_MINUTES = 100_000


def read_minutes(path: Path) -> NDArray[np.float32]:
    """A CSV file as float32, shape (minutes, 3), in the order of PHYSIOLOGY_NAMES; NaN where a value is missing.

    Its first line names the columns; others than those are not looked at, but `minute`: where there is one, minutes
    that are left out are missing. Without one, a line of nothing but separators is a minute of which nothing is known,
    unless nothing comes after it. See `pipit.tables` for what spreadsheets may do to a table.

    Raises NotFound, InputTooLarge, and InvalidInput that names file, line and column.
    """
    rows: list[list[float]] = []
    first: int | None = None
    blank = 0
    with open_table(path, PHYSIOLOGY_NAMES) as table:
        for row in table.rows:
            where = f"{path}, line {row.line}"
            if row.blank:
                # A minute of which nothing is known, unless it is one of those that spreadsheets leave at the end.
                blank += "minute" not in table.names
                continue
            rows += [[np.nan] * len(PHYSIOLOGY_NAMES)] * blank
            blank = 0
            if row.problem:
                raise InvalidInput(f"{where}: {row.problem}")
            if "minute" in table.names:
                minute = _minute(row.values.get("minute"), where)
                first = minute if first is None else first
                gap = minute - first - len(rows)
                if gap < 0:
                    raise InvalidInput(f"{where}: minute {minute} comes after a later one; sort them")
                if len(rows) + gap >= MOST_MINUTES:
                    raise InputTooLarge(f"{where}: more than {MOST_MINUTES} minutes; cut the file")
                rows += [[np.nan] * len(PHYSIOLOGY_NAMES)] * gap
            rows.append([_value(name, row.values.get(name), where) for name in PHYSIOLOGY_NAMES])
    if not rows:
        raise InvalidInput(f"{path} holds no minute; give a line for each")
    return np.array(rows, np.float32)


def _minute(text: str | None, where: str) -> int:
    try:
        return int(text or "")
    except ValueError:
        raise InvalidInput(f"{where}: minute is {text!r}, not a whole number") from None


def _value(name: str, text: str | None, where: str) -> float:
    """NaN for an empty one."""
    stripped = (text or "").strip()
    if not stripped:
        return float("nan")
    try:
        value = float(stripped)
    except ValueError:
        raise InvalidInput(f"{where}: {name} is {stripped[:20]!r}, not a number; leave missing ones empty") from None
    if name == "rmssd" and LARGEST_RMSSD < value < np.inf and value != MISSING:
        raise InvalidInput(f"{where}: rmssd is {value:g}, which must be milliseconds; give seconds")
    return value
