"""Sounds that hold no event, made by a program: what a house and its microphone give between events.

A network that never heard them takes them for what comes nearest: digital silence for breaking glass, hiss for rain.
Levels are those of recordings, -60 to -20 dBFS; a front end that brings windows to one level makes loud hiss of quiet.
What trains is made here, and what tests is made apart from it, in `sound_changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

QUIET_CATEGORY = "quiet"
Sound: TypeAlias = NDArray[np.float64]
Draw: TypeAlias = np.random.Generator
SHORT_SECONDS = (0.5, 1.0, 2.0)
"""Some end so early, as short files do."""


def quiet_sounds(count: int, rate: int, samples: int, draw: Draw) -> Iterator[NDArray[np.float32]]:
    """`count` sounds of `samples` samples at `rate` Hz, the kinds in turn; a third ends early."""
    for number in range(count):
        sound = KINDS[number % len(KINDS)](samples, rate, draw)
        if draw.random() < 1 / 3:
            sound[int(draw.choice(SHORT_SECONDS) * rate) :] = 0.0
        yield np.clip(sound, -1.0, 1.0).astype(np.float32)


def _silence(samples: int, rate: int, draw: Draw) -> Sound:
    """Digital, or with the last bit of a converter at work."""
    return draw.integers(-1, 2, samples) / 32768.0 if draw.random() < 0.5 else np.zeros(samples)


def _hiss(samples: int, rate: int, draw: Draw) -> Sound:
    """White."""
    return draw.normal(0.0, _level(draw, -60, -20), samples)


def _coloured(samples: int, rate: int, draw: Draw) -> Sound:
    """Noise whose power falls with frequency, as of wind and machines."""
    spectrum = np.fft.rfft(draw.normal(0.0, 1.0, samples))
    hertz = np.maximum(np.fft.rfftfreq(samples, 1.0 / rate), 20.0)
    return _at(np.fft.irfft(spectrum * hertz ** -draw.uniform(0.3, 1.2), samples), _level(draw, -60, -20))


def _hum(samples: int, rate: int, draw: Draw) -> Sound:
    """Of the mains, with harmonics, in a little hiss."""
    time, mains = np.arange(samples) / rate, draw.choice((50.0, 60.0))
    harmonics = range(1, int(draw.integers(2, 20)))
    parts = [draw.uniform() / k * np.sin(2 * np.pi * mains * k * time + draw.uniform(0, 6)) for k in harmonics]
    return _at(np.sum(parts, axis=0), _level(draw, -60, -20)) + draw.normal(0.0, _level(draw, -90, -60), samples)


def _clicks(samples: int, rate: int, draw: Draw) -> Sound:
    """Up to five, of less than 3 ms, in quiet hiss."""
    sound = draw.normal(0.0, _level(draw, -90, -50), samples)
    for start in draw.integers(0, samples, int(draw.integers(1, 6))):
        sound[start : start + int(draw.integers(1, max(2, rate // 350)))] += draw.choice((-1, 1)) * draw.uniform(
            0.05, 0.9
        )
    return sound


def _cut(samples: int, rate: int, draw: Draw) -> Sound:
    """Hiss that stops for a while, as where samples were lost."""
    sound = _hiss(samples, rate, draw)
    start, end = np.sort(draw.integers(0, samples, 2))
    sound[start:end] = 0.0
    return sound


KINDS: tuple[Callable[[int, int, Draw], Sound], ...] = (_silence, _hiss, _coloured, _hum, _clicks, _cut)


def _level(draw: Draw, low: float, high: float) -> float:
    """DBFS to amplitude."""
    return float(10.0 ** (draw.uniform(low, high) / 20.0))


def _at(sound: Sound, level: float) -> Sound:
    return np.asarray(sound * level / max(1e-12, float(sound.std())))
