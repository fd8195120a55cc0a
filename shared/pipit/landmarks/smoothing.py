"""The one-euro filter: smooth while a value is still, quick while it moves (Casiez, Roussel and Vogel, 2012)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class OneEuroParameters:
    """Cut-offs in Hz; beta: Hz more for each unit of speed."""

    min_cutoff: float
    beta: float
    speed_cutoff: float = 1.0


class OneEuroFilter:
    """Each value of an array by itself. State of one stream; not for several threads."""

    def __init__(self, parameters: OneEuroParameters) -> None:
        self._parameters = parameters
        self._raw: NDArray[np.float64] | None = None
        self._speed: NDArray[np.float64] = np.zeros(0)
        self._smooth: NDArray[np.float64] = np.zeros(0)

    def reset(self) -> None:
        """Begins anew with the next values."""
        self._raw = None

    def apply(self, values: NDArray[np.float32], unit: float, seconds: float) -> NDArray[np.float64]:
        """values: any shape, the same each time. unit: the distance that counts as 1 for speed.

        seconds: since the values before.
        """
        raw = values.astype(np.float64)
        if self._raw is None:
            self._raw, self._speed, self._smooth = raw, np.zeros_like(raw), raw
            return raw
        speed = (raw - self._raw) / unit / seconds
        self._raw = raw
        self._speed = self._speed + _share(self._parameters.speed_cutoff, seconds) * (speed - self._speed)
        cutoff = self._parameters.min_cutoff + self._parameters.beta * np.abs(self._speed)
        self._smooth = self._smooth + _share(cutoff, seconds) * (raw - self._smooth)
        return self._smooth


def _share(cutoff: float | NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    """Of the new value in the mean of a low pass."""
    share: NDArray[np.float64] = 1 / (1 + 1 / (2 * math.pi * np.asarray(cutoff) * seconds))
    return share
