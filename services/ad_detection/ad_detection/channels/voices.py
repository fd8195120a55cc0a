"""Sound that is like speech: no word of any language, but pitch, vowels, hisses, syllables and pauses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ad_detection.channels.ambience import hiss
from ad_detection.channels.looks import Draw

RATE = 16_000
"""Samples a second."""
Sound = NDArray[np.float32]
_FORMANTS = (
    (730, 1090, 2440),
    (530, 1840, 2480),
    (390, 1990, 2550),
    (270, 2290, 3010),
    (570, 840, 2410),
    (300, 870, 2240),
)
"""Hz, of six vowels (Peterson & Barney, JASA 24, 1952, table II: men)."""
_POINTS = 512


@dataclass(frozen=True, slots=True)
class Voice:
    """pitch: Hz. tempo: syllables a second. pauses: seconds on average between phrases.

    size: how much higher its formants are than a man's. lift: how much its pitch changes, in natural logarithms.
    """

    pitch: float
    tempo: float
    pauses: float
    size: float
    lift: float


def make_voice(draw: Draw, *, hurried: bool = False) -> Voice:
    """hurried: as a voice that sells; some who report are hurried, too."""
    pitch = float(draw.uniform(85, 250))
    return Voice(
        pitch=pitch,
        tempo=float(draw.uniform(4.2, 6.5) if hurried else draw.uniform(3.2, 5.5)),
        pauses=float(draw.uniform(0.1, 0.4) if hurried else draw.uniform(0.2, 0.9)),
        size=1.0 + (pitch - 120) / 700,
        lift=float(draw.uniform(0.05, 0.3)),
    )


def speech(draw: Draw, samples: int, voice: Voice) -> Sound:
    """(samples,), about -1..1."""
    count = int(samples / RATE * voice.tempo * 1.6) + 8
    lengths = (RATE / voice.tempo * np.clip(draw.normal(1, 0.3, count), 0.4, 2)).astype(int)
    ends = draw.random(count) < 0.12
    pause = (RATE * voice.pauses * draw.exponential(1, count)).astype(int) * ends
    # A syllable, then the pause after it.
    pieces = np.stack([lengths, pause], 1).ravel()
    turn = np.repeat(np.arange(2 * count), pieces)[:samples]
    turn = np.concatenate([turn, np.full(samples - len(turn), 2 * count - 1)])
    started = np.cumsum(pieces) - pieces
    since = (np.arange(samples) - started[turn]) / np.maximum(pieces[turn], 1)
    voiced, which = turn % 2 == 0, turn // 2
    loud = draw.uniform(0.5, 1.0, count).astype(np.float32)[which] * voiced
    shape = (np.sin(np.pi * np.clip(since, 0, 1)) ** 0.6).astype(np.float32) * loud
    melody = voice.pitch * np.exp(draw.normal(0, voice.lift, count))
    phase = np.cumsum(melody[which] * (1 - 0.12 * since) / RATE)
    vowels = draw.integers(0, len(_FORMANTS), count)[which]
    sound = _waves(voice)[vowels, ((phase % 1) * _POINTS).astype(np.int32) % _POINTS] * shape
    hissing = (draw.random(count) < 0.4)[which] & voiced & (since < 0.25)
    return np.asarray(sound + 0.25 * hiss(draw, samples) * hissing * loud, np.float32)


def _waves(voice: Voice) -> NDArray[np.float32]:
    """One period of each vowel, (6, 512)."""
    numbers = np.arange(1, max(2, int(0.45 * RATE / (voice.pitch * 1.6))))
    frequency = numbers * voice.pitch
    turns = 2 * np.pi * numbers[:, None] * np.arange(_POINTS) / _POINTS
    waves = []
    for formants in _FORMANTS:
        gain = sum(1 / (1 + ((frequency - voice.size * f) / (60 + 0.06 * f)) ** 2) for f in formants)
        wave = ((gain + 0.02) / numbers**0.5) @ np.sin(turns)
        waves.append(wave / np.abs(wave).max())
    return np.asarray(waves, np.float32)
