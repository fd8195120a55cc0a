"""Scores over time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


class SmoothedScores:
    """An exponential mean. State of one stream; not for several threads."""

    def __init__(self, seconds: float) -> None:
        """seconds: time constant; what is older counts less than 1 / e. 0: no smoothing."""
        self._seconds = seconds
        self._mean: NDArray[np.float32] | None = None

    def reset(self) -> None:
        """Begins anew with the next scores."""
        self._mean = None

    def add(self, scores: NDArray[np.float32], elapsed: float) -> NDArray[np.float32]:
        """scores: that add up to 1. elapsed: seconds since those before. Gives the mean, which adds up to 1 too."""
        if self._mean is None or not self._seconds:
            self._mean = scores
        else:
            kept = math.exp(-elapsed / self._seconds)
            self._mean = (kept * self._mean + (1.0 - kept) * scores).astype(np.float32)
        return self._mean
