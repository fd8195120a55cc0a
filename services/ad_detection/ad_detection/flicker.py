"""How often an answer changes its mind over time, beside how often what is shown changes.

switches_per_hour        from advertisement to programme or back, as the task calls it frame by frame
true_switches_per_hour   as it was
flaps_per_hour           stretches of one answer that last less than 8 s between two others: no spot is as short
"""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipit.bundle.manifest import Metric

FLAP = 8.0
"""Seconds."""
GAP = 3.0
"""Seconds between two frames from which on nobody knows what was shown."""


def flicker(
    called: NDArray[np.bool_], is_ad: NDArray[np.bool_], recordings: NDArray[Any], seconds: NDArray[np.floating]
) -> dict[str, Metric]:
    """called: an advertisement. is_ad: the truth. recordings, seconds: of each frame, in any order; all (rows,).

    Nothing where no two frames follow each other.
    """
    order = np.lexsort((seconds, recordings.astype(str)))
    stretches = _stretches(recordings[order], seconds[order])
    hours = sum(float(times[-1] - times[0]) for _, times in stretches) / 3600.0
    if not hours:
        return {}
    said = [_runs(called[order][places], times) for places, times in stretches]
    true = [_runs(is_ad[order][places], times) for places, times in stretches]
    flaps = sum(end - start < FLAP for runs in said for start, end in runs[1:-1])
    found = {
        "switches_per_hour": sum(len(runs) - 1 for runs in said),
        "true_switches_per_hour": sum(len(runs) - 1 for runs in true),
        "flaps_per_hour": flaps,
    }
    return {name: Metric(value=count / hours, samples=len(called)) for name, count in found.items()}


def _stretches(recordings: NDArray[Any], seconds: NDArray[np.floating]) -> list[tuple[slice, NDArray[np.floating]]]:
    """Frames without a gap between them: their places, and their times."""
    cuts = [place for place, (one, other) in enumerate(pairwise(zip(recordings, seconds, strict=True)), 1)
            if one[0] != other[0] or other[1] - one[1] > GAP]  # fmt: skip
    return [(slice(a, b), seconds[a:b]) for a, b in pairwise([0, *cuts, len(seconds)])]


def _runs(values: NDArray[np.bool_], seconds: NDArray[np.floating]) -> list[tuple[float, float]]:
    """Begin of each run of one value, and of the next one; of the last its last frame."""
    begins = [float(seconds[next(places)]) for _, places in groupby(range(len(values)), key=lambda i: bool(values[i]))]
    return list(pairwise([*begins, float(seconds[-1])]))
