"""Sounds made by arithmetic, for machines that have no recordings.

They prove that the parts fit, not that a network knows real sirens: everything made of them is called synthetic.

One recording is one draw of pitch, rhythm and loudness, and one file.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 22_050
"""Hz."""
SECONDS = 5.0

Samples = NDArray[np.float32]
_TIME = np.arange(int(RATE * SECONDS), dtype=np.float64) / RATE


def siren(draw: np.random.Generator) -> NDArray[np.float64]:
    """A tone that wails between two pitches."""
    low, high = draw.uniform(450, 700), draw.uniform(1100, 1700)
    pitch = low + (high - low) * (0.5 + 0.5 * np.sin(2 * np.pi * draw.uniform(0.25, 2.0) * _TIME))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    return np.sin(phase) + 0.4 * np.sin(2 * phase) + 0.2 * np.sin(3 * phase)


def door_wood_knock(draw: np.random.Generator) -> NDArray[np.float64]:
    """A few dull blows in a quick row."""
    pitch = draw.uniform(110, 320)
    sound = np.zeros_like(_TIME)
    start, gap = draw.uniform(0.1, 2.0), draw.uniform(0.16, 0.35)
    for blow in range(draw.integers(3, 7)):
        after = _TIME - (start + blow * gap)
        body = np.exp(-after / 0.03) * (
            np.sin(2 * np.pi * pitch * after) + 0.5 * np.sin(2 * np.pi * 2.7 * pitch * after)
        )
        sound += np.where(after >= 0, body, 0.0) * draw.uniform(0.7, 1.0)
    return sound


def glass_breaking(draw: np.random.Generator) -> NDArray[np.float64]:
    """A burst, then shards that ring high and die away."""
    start = draw.uniform(0.2, 2.5)
    after = np.maximum(_TIME - start, 0.0)
    sound = np.where(start <= _TIME, np.exp(-after / 0.05), 0.0) * draw.normal(size=_TIME.size)
    for _ in range(40):
        delay = draw.exponential(0.25)
        ring = np.maximum(after - delay, 0.0)
        tone = np.exp(-ring / draw.uniform(0.02, 0.12)) * np.sin(2 * np.pi * draw.uniform(2500, 9500) * ring)
        sound += np.where(after > delay, tone, 0.0) * draw.uniform(0.1, 0.6)
    return sound


def dog(draw: np.random.Generator) -> NDArray[np.float64]:
    """Barks: short, harmonic, falling in pitch."""
    pitch = draw.uniform(350, 800)
    sound = np.zeros_like(_TIME)
    start = draw.uniform(0.1, 1.0)
    for _ in range(draw.integers(2, 6)):
        after = np.clip(_TIME - start, 0.0, 0.3)
        glide = 2 * np.pi * (pitch * after - 0.8 * pitch * after**2)
        envelope = np.where((start <= _TIME) & (start + 0.3 > _TIME), np.sin(np.pi * after / 0.3) ** 2, 0.0)
        sound += envelope * sum(np.sin(k * glide) / k for k in range(1, 7))
        start += draw.uniform(0.45, 0.9)
    return sound


def rain(draw: np.random.Generator) -> NDArray[np.float64]:
    """Noise that hisses evenly."""
    return draw.normal(size=_TIME.size)


def wind(draw: np.random.Generator) -> NDArray[np.float64]:
    """Deep noise that comes and goes."""
    spectrum = np.fft.rfft(draw.normal(size=_TIME.size))
    frequencies = np.fft.rfftfreq(_TIME.size, 1 / RATE)
    noise = np.fft.irfft(spectrum / (1 + (frequencies / draw.uniform(80, 250)) ** 2), _TIME.size)
    return noise * (1.2 + np.sin(2 * np.pi * draw.uniform(0.1, 0.5) * _TIME + draw.uniform(0, 6)))


def engine(draw: np.random.Generator) -> NDArray[np.float64]:
    """A deep hum with many overtones."""
    pitch = draw.uniform(45, 110)
    sound = np.zeros_like(_TIME)
    for k in range(1, 20):
        sound += np.sin(2 * np.pi * k * pitch * _TIME + draw.uniform(0, 6)) / k
    return sound


def crickets(draw: np.random.Generator) -> NDArray[np.float64]:
    """A high tone that trills."""
    trill = np.maximum(np.sin(2 * np.pi * draw.uniform(15, 35) * _TIME), 0.0)
    pauses = np.sin(2 * np.pi * draw.uniform(0.8, 2.0) * _TIME) > -0.3
    return np.sin(2 * np.pi * draw.uniform(3800, 5200) * _TIME) * trill * pauses


ALARMS: tuple[Callable[[np.random.Generator], NDArray[np.float64]], ...] = (siren, door_wood_knock, glass_breaking, dog)
BACKGROUND: tuple[Callable[[np.random.Generator], NDArray[np.float64]], ...] = (rain, wind, engine, crickets)


def synthesise(kind: Callable[[np.random.Generator], NDArray[np.float64]], seed: int) -> Samples:
    """One recording of five seconds, mono, with a little noise under it. The same seed gives the same samples."""
    draw = np.random.default_rng([seed, *kind.__name__.encode()])
    sound = kind(draw)
    sound = sound / max(float(np.abs(sound).max()), 1e-9) * draw.uniform(0.3, 0.9)
    noise = draw.normal(size=sound.size) * 10 ** draw.uniform(-3.0, -1.7)
    return np.clip(sound + noise, -1.0, 1.0).astype(np.float32)


def write_synthetic(folder: Path, recordings: int, first_seed: int) -> dict[Path, str]:
    """Writes `recordings` of each kind to `folder`/<kind>/, and gives each file's label.

    Written whole or not at all: a folder that is there is taken as it is.
    """
    kinds = (*ALARMS, *BACKGROUND)
    if not folder.exists():
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        for kind in kinds:
            (partial / kind.__name__).mkdir(parents=True)
            for seed in range(first_seed, first_seed + recordings):
                path = partial / kind.__name__ / f"synthetic{seed:03d}.wav"
                soundfile.write(path, synthesise(kind, seed), RATE, subtype="PCM_16")
        partial.rename(folder)
    return {path: kind.__name__ for kind in kinds for path in sorted((folder / kind.__name__).iterdir())}
