"""Reads a data set of stress in one of its layouts.

swell       `emotion.stress.swell`: physiology by the minute
recordings  `emotion.stress.own`: people's own landmark files and what they said of themselves

Both give recordings, step by step.
"""

from __future__ import annotations

from pathlib import Path

from pipit.errors import InvalidInput

from emotion.stress.own import read_own
from emotion.stress.recordings import Listing
from emotion.stress.signals import LANDMARKS, PHYSIOLOGY, Signals
from emotion.stress.swell import read_swell

SWELL, RECORDINGS = "swell", "recordings"
SIGNALS_OF = {SWELL: PHYSIOLOGY, RECORDINGS: LANDMARKS}
SWELL_STEP_SECONDS = 60.0


def signals_of(kind: str) -> Signals:
    """What a data set of this kind holds. Raises InvalidInput for an unknown one."""
    if kind not in SIGNALS_OF:
        raise InvalidInput(f"a data set of stress has no kind {kind!r}; it has {', '.join(SIGNALS_OF)}")
    return SIGNALS_OF[kind]


def read_dataset(folder: Path, kind: str, step_seconds: float, scale: tuple[float, float] = (0.0, 1.0)) -> Listing:
    """step_seconds: of the network's input. scale: of self-reported scores. Raises InvalidInput, NotFound."""
    signals_of(kind)
    if kind == SWELL:
        if step_seconds != SWELL_STEP_SECONDS:
            raise InvalidInput(f"{folder} has a row a minute; step_seconds must be {SWELL_STEP_SECONDS:g}")
        return read_swell(folder)
    return read_own(folder, step_seconds, scale)
