"""A clip to windows of one length, each with its time span."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.types import TimeSpan


def cut_windows(
    samples: NDArray[np.float32], rate: int, window_seconds: float, hop_seconds: float
) -> tuple[NDArray[np.float32], list[TimeSpan]]:
    """Windows (windows, samples) that together hold every sample, and where in the clip each lies.

    A clip shorter than the window gives one, filled with zeros at its end; its span ends with the clip.
    In a longer clip windows begin every `hop_seconds`, and a last one ends with the clip, so that nothing is lost:

        |---------------clip---------------|
        |--window--|
             |--window--|
                  |--window--|
                       |--window--|
                         |---last---|        only where the one before it ends earlier

    samples: mono, shape (frames,), at least one. rate: Hz. Raises InvalidInput for a hop that would leave gaps.
    """
    if not len(samples):
        raise InvalidInput("audio holds no samples; send at least one")
    window, hop = window_lengths(rate, window_seconds, hop_seconds)
    if len(samples) < window:
        return pad_window(samples, window)[np.newaxis], [TimeSpan(0.0, len(samples) / rate)]
    starts = list(range(0, len(samples) - window + 1, hop))
    if starts[-1] + window < len(samples):
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


def pad_window(samples: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    """Zeros at the end, to `window` samples."""
    return np.pad(samples, (0, window - len(samples)))


def span(start: int, length: int, rate: int) -> TimeSpan:
    """From a start and a length in samples."""
    return TimeSpan(start / rate, (start + length) / rate)
