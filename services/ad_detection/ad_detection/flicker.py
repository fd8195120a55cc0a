"""How often an answer changes its mind over time, beside how often what is shown changes; see `pipit.blocks.measures`.

switches_an_hour        from advertisement to programme or back, as frame by frame is said
true_switches_an_hour   as it was
flaps_an_hour           stretches of one answer that last less than 8 s between two others: no spot is as short
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipit.blocks.measures import blocks_of, measure_recordings
from pipit.bundle.manifest import Metric

GAP = 3.0
"""Seconds between two frames from which on nobody knows what was shown."""


def flicker(
    called: NDArray[np.bool_], is_ad: NDArray[np.bool_], recordings: NDArray[Any], seconds: NDArray[np.floating]
) -> dict[str, Metric]:
    """called: an advertisement. is_ad: the truth. recordings, seconds: of each frame, in any order; all (rows,).

    Nothing where no two frames follow each other.
    """
    order = np.lexsort((seconds, recordings.astype(str)))
    names, times = recordings[order], seconds[order]
    cuts = np.flatnonzero((names[1:] != names[:-1]) | (np.diff(times) > GAP)) + 1
    found = []
    for start, end in pairwise([0, *cuts.tolist(), len(times)]):
        if end - start > 1:
            places, of = order[start:end], times[start:end]
            last = float(of[-1])
            found.append((blocks_of(of, called[places], last), blocks_of(of, is_ad[places], last), float(of[0]), last))
    if not found:
        return {}
    hours = sum(end - begin for _, _, begin, end in found) / 3600.0
    measured = measure_recordings(found)
    values = {
        "switches_an_hour": measured["switches"] / hours,
        "true_switches_an_hour": measured["true_switches"] / hours,
        "flaps_an_hour": measured["flaps_an_hour"],
    }
    return {name: Metric(value=value, samples=len(called)) for name, value in values.items()}
