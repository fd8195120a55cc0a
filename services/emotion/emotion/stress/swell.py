"""Reads SWELL-KW's physiology: one row a minute, 25 office workers, three blocks each.

    PP participant   C block   Condition R relax, N neutral, I interruptions, T time pressure
    HR, RMSSD, SCL   999 means missing
    timestamp        not read: rows stand in their order, and a few timestamps are broken

Relax and neutral are calm, interruptions and time pressure are stressed. Two columns give the answer away and are no
features: block 1 is neutral for everybody, blocks 2 and 3 are stressed, so that `C` and `timestamp` tell the condition.
What is left of that trap is in the order itself: a network that knew how long a person has been there would be right
nearly always. A block is a recording of its own here, and what is known of a person ends with it.
Source: S. Koldijk et al., The SWELL Knowledge Work Dataset for Stress and User Modeling Research, ICMI 2014,
https://doi.org/10.1145/2663204.2663257.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from pipit.data.tables import rows_of
from pipit.errors import InvalidInput
from pipit.inputs.physiology import MISSING, PHYSIOLOGY_NAMES
from pipit.training.source_set import Listing

from emotion.stress.recordings import Recording

FILE = "swell_kw_physiology.csv"
SCORES = {"R": 0.0, "N": 0.0, "I": 1.0, "T": 1.0}
SIGNAL_COLUMNS = ("HR", "RMSSD", "SCL")
COLUMNS = ("PP", "C", "Condition", *SIGNAL_COLUMNS)
HIGHEST = {"HR": 250.0, "RMSSD": 5.0, "SCL": 1e5}
"""More is an error of measurement."""


def read_swell(folder: Path) -> Listing[Recording]:
    """Raises NotFound if the table is missing, InvalidInput for one without its columns."""
    table = folder / FILE
    blocks: dict[tuple[str, str], list[tuple[list[float], float]]] = {}
    problems: list[str] = []
    for line, row in rows_of(table, COLUMNS, problems):
        try:
            entry = (_signals(row), _score(row))
        except InvalidInput as error:
            problems.append(f"{table}, line {line}: {error}")
        else:
            blocks.setdefault((row["PP"], row["C"]), []).append(entry)
    recordings = [
        Recording(
            f"{folder.name}/{participant}/{block}",
            f"{folder.name}/{participant}",
            np.array([signals for signals, _ in steps], np.float32),
            np.array([score for _, score in steps], np.float32),
        )
        for (participant, block), steps in blocks.items()
    ]
    recordings.sort(key=lambda recording: recording.participant)
    return Listing(tuple(recordings), {f"{folder.name}/{FILE}": table}, tuple(problems))


def _score(row: dict[str, str]) -> float:
    if row["Condition"] not in SCORES:
        raise InvalidInput(f"condition {row['Condition']!r} is none of {', '.join(SCORES)}")
    return SCORES[row["Condition"]]


def _signals(row: dict[str, str]) -> list[float]:
    found = []
    for column, name in zip(SIGNAL_COLUMNS, PHYSIOLOGY_NAMES, strict=True):
        try:
            value = float(row[column])
        except ValueError:
            raise InvalidInput(f"{column} is {row[column]!r}, not a number; {MISSING:g} means missing") from None
        if value == MISSING:
            found.append(math.nan)
        elif 0.0 < value <= HIGHEST[column]:
            found.append(value)
        else:
            raise InvalidInput(f"{column} is {value:g}; {name} lies above 0 and up to {HIGHEST[column]:g}")
    return found
