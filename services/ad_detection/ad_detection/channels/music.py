"""Sound that is like music: chords, a bass, a melody and drums, in one key and at one tempo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ad_detection.channels.ambience import hiss
from ad_detection.channels.looks import Draw

_RATE = 16_000
_POINTS = 512
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10))
"""Semitones: major and minor."""
_PROGRESSIONS = ((0, 4, 5, 3), (0, 5, 3, 4), (5, 3, 0, 4), (0, 3, 0, 4), (0, 0, 3, 4))
"""Steps of the scale that chords stand on."""
Sound = NDArray[np.float32]


def music(draw: Draw, samples: int, own: Draw, *, calm: bool) -> Sound:
    """own: of whoever it belongs to, so that it is known again: key, tempo, instruments. (samples,), about -1..1."""
    scale = np.array(_SCALES[int(own.integers(2))])
    key = 55.0 * 2 ** (int(own.integers(12)) / 12)
    beat = int(_RATE * 60 / float(own.uniform(60, 95) if calm else own.uniform(95, 150)))
    chords = np.array(_PROGRESSIONS[int(own.integers(len(_PROGRESSIONS)))])
    timbres = [_wave(float(own.uniform(0.8, 2.5)), int(own.integers(3, 12))) for _ in range(3)]
    drums = 0.0 if calm and own.random() < 0.7 else float(own.uniform(0.2, 0.7))
    number = np.arange(samples) // beat
    since = (np.arange(samples) % beat) / beat
    beats = int(number[-1]) + 1 if samples else 1
    root = chords[np.arange(beats) // 4 % len(chords)]
    fade = np.exp(-1.5 * since).astype(np.float32)
    sound = 0.5 * _voice(_frequencies(key, scale, root), number, timbres[0]) * fade
    for third in (0, 2, 4):
        sound += 0.18 * _voice(_frequencies(key * 4, scale, root + third), number, timbres[1])
    melody = root + draw.choice([0, 2, 4, 6, 7], beats)
    played = fade * (draw.random(beats) < 0.7)[number]
    sound += 0.3 * _voice(_frequencies(key * 8, scale, melody), number, timbres[2]) * played
    if drums:
        sound += drums * 0.4 * hiss(draw, samples) * np.exp(-25 * ((2 * since) % 1)).astype(np.float32)
        kick = np.sin(2 * np.pi * 55 * since * beat / _RATE) * np.exp(-9 * since)
        sound += drums * kick.astype(np.float32) * (number % 2 == 0)
    return np.asarray(0.6 * sound, np.float32)


def _frequencies(key: float, scale: NDArray[np.integer], steps: NDArray[np.integer]) -> NDArray[np.floating]:
    return np.asarray(key * 2 ** ((scale[steps % 7] + 12 * (steps // 7)) / 12))


def _voice(frequencies: NDArray[np.floating], number: NDArray[np.integer], wave: Sound) -> Sound:
    phase = np.cumsum(np.minimum(frequencies, 3000)[number] / _RATE)
    return wave[((phase % 1) * _POINTS).astype(np.int32) % _POINTS]


def _wave(fall: float, harmonics: int) -> Sound:
    numbers = np.arange(1, harmonics + 1)
    wave = (1 / numbers**fall) @ np.sin(2 * np.pi * numbers[:, None] * np.arange(_POINTS) / _POINTS)
    return np.asarray(wave / np.abs(wave).max(), np.float32)
