"""Sound of places: rooms, streets, crowds; and noise that speech and drums are made of."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ad_detection.channels.looks import Draw

_RATE = 16_000
_LOOP = 1 << 18
"""Samples, about 16 s."""
Sound = NDArray[np.float32]
COLOURS = {"room": (1.2, 60, 3000), "street": (1.0, 80, 6000), "crowd": (0.6, 300, 4000), "hiss": (0.0, 2500, 7500)}
"""Power of 1/f, and the band in Hz."""


def ambience(draw: Draw, samples: int, place: str, swell: float = 0.3) -> Sound:
    """place: of COLOURS. swell: how much it comes and goes, 0..1. (samples,), about -1..1."""
    noise = _noise(draw, samples, place)
    steps = max(2, samples // (2 * _RATE) + 2)
    heights = np.exp(swell * 2 * draw.normal(0, 1, steps))
    slow = np.interp(np.arange(samples), np.arange(steps) * 2 * _RATE, heights).astype(np.float32)
    return np.asarray(noise * slow, np.float32)


def hiss(draw: Draw, samples: int) -> Sound:
    """(samples,), about -1..1."""
    return _noise(draw, samples, "hiss")


def _noise(draw: Draw, samples: int, place: str) -> Sound:
    start = int(draw.integers(_LOOP))
    return np.resize(np.roll(_loop(place), start), samples)


@lru_cache(maxsize=8)
def _loop(place: str) -> Sound:
    power, low, high = COLOURS[place]
    spectrum = np.fft.rfft(np.random.default_rng([9, list(COLOURS).index(place)]).normal(0, 1, _LOOP))
    frequency = np.fft.rfftfreq(_LOOP, 1 / _RATE)
    spectrum *= (frequency >= low) * (frequency <= high) / np.maximum(frequency, low) ** (power / 2)
    loop = np.fft.irfft(spectrum, _LOOP)
    return np.asarray(0.3 * loop / loop.std(), np.float32)
