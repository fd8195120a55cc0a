"""A clip to windows of one length, each with its time span."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.types import TimeSpan

LEAST_REST = 10
"""What follows the last regular window is heard from the tenth part of a hop on."""


def cut_windows(
    samples: NDArray[np.float32], rate: int, window_seconds: float, hop_seconds: float
) -> tuple[NDArray[np.float32], list[TimeSpan]]:
    """Windows (windows, samples) that together hold the clip, and where in it each lies.

    A clip shorter than the window gives one, filled with zeros at its end; its span ends with the clip.
    In a longer clip windows begin every `hop_seconds`, and a last one ends with the clip, so that no event is lost:

        |---------------clip---------------|
        |--window--|
             |--window--|
                  |--window--|
                       |--window--|
                         |---last---|        only where the one before leaves a tenth of a hop or more

    A shorter rest is left out: a recorder that runs a millisecond over five seconds means one window and not two, and
    what first sounds in a rest so short tells nobody anything.

    samples: mono, shape (frames,), at least one. rate: Hz. Raises InvalidInput for a hop that would leave gaps.
    """
    if not len(samples):
        raise InvalidInput("audio holds no samples; send at least one")
    window, hop = window_lengths(rate, window_seconds, hop_seconds)
    if len(samples) < window:
        return pad_window(samples, window)[np.newaxis], [TimeSpan(0.0, len(samples) / rate)]
    starts = list(range(0, len(samples) - window + 1, hop))
    if holds_more(len(samples) - starts[-1] - window, hop):
        starts.append(len(samples) - window)
    rows = np.stack([samples[start : start + window] for start in starts])
    return rows, [span(start, window, rate) for start in starts]


def window_lengths(rate: int, window_seconds: float, hop_seconds: float) -> tuple[int, int]:
    """Window and hop in samples. Raises InvalidInput."""
    window, hop = round(window_seconds * rate), round(hop_seconds * rate)
    if not 1 <= hop <= window:
        raise InvalidInput(
            f"windows of {window_seconds:g} s every {hop_seconds:g} s would leave gaps; "
            "the hop must be over 0 and at most the window"
        )
    return window, hop


def holds_more(rest: int, hop: int) -> bool:
    """Whether what follows the last regular window is worth one of its own. Both in samples."""
    return rest > 0 and LEAST_REST * rest >= hop


def pad_window(samples: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    """Zeros at the end, to `window` samples."""
    return np.pad(samples, (0, window - len(samples)))


def span(start: int, length: int, rate: int) -> TimeSpan:
    """From a start and a length in samples."""
    return TimeSpan(start / rate, (start + length) / rate)
