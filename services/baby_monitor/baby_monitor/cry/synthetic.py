"""SYNTHETIC cries: a voice's harmonics whose pitch a formula moves. For machines without recordings, to try the way.

What is measured on them says nothing about babies.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from pipit.files import write_atomically
from pipit.inputs import EncodedAudio, Input

CRIES = {"hungry": (420.0, 0.25, 1.2), "pain": (620.0, 0.0, 2.4), "tired": (340.0, -0.3, 0.7)}
"""Of each reason: pitch in Hz, by how much it rises within a cry, and how many cries come in two seconds."""
RATE, SECONDS = 16_000, 2.0
RECORDERS, TAKES = 10, 2
HARMONICS = 8


def write_synthetic_set(folder: Path) -> Path:
    """`pipit data synthesise baby_monitor.cry`: `<reason>/<recorder>_<take>.wav`, each recorder with each reason."""
    for reason in CRIES:
        (folder / reason).mkdir(parents=True, exist_ok=True)
        for recorder in range(RECORDERS):
            for take in range(TAKES):
                path = folder / reason / f"recorder{recorder:02d}_{take}.wav"
                write_atomically(path, _encoded(cry(reason, recorder, [recorder, take])))
    return folder


def golden_sounds(count: int, seed: int) -> Sequence[Input]:
    """A quiet room, and cries of the reasons in turn, as WAV. The same seed gives the same bytes."""
    reasons = sorted(CRIES)
    cries = [cry(reasons[i % len(reasons)], seed, [seed, i, 7]) for i in range(count - 1)]
    return [EncodedAudio(_encoded(sound)) for sound in [room(SECONDS, seed).astype(np.float64), *cries]]


def cry(reason: str, recorder: int, take: Sequence[int]) -> NDArray[np.float64]:
    """Samples, full scale at 1. The same recorder has the same voice."""
    voice, generator = np.random.default_rng([3, recorder]), np.random.default_rng([4, *take])
    pitch, rise, cries = CRIES[reason]
    times = np.arange(int(RATE * SECONDS)) / RATE
    phase = (times * cries / SECONDS + generator.uniform(0.0, 0.2)) % 1.0
    frequency = pitch * voice.uniform(0.95, 1.05) * (1.0 + rise * phase + 0.01 * np.sin(2.0 * np.pi * 6.0 * times))
    angle = 2.0 * np.pi * np.cumsum(frequency) / RATE
    loudness = voice.uniform(0.4, 1.0, HARMONICS) / np.arange(1, HARMONICS + 1)
    sound: NDArray[np.float64] = sum(loudness[n] * np.sin((n + 1) * angle) for n in range(HARMONICS)) * np.sin(
        np.pi * phase
    )
    return 0.2 * sound + generator.normal(0.0, 0.005, len(times))


def crying(seconds: float, recorder: int = 1) -> NDArray[np.float32]:
    """Cries one after another."""
    parts = [cry("hungry", recorder, [recorder, part]) for part in range(int(np.ceil(seconds / SECONDS)))]
    return np.concatenate(parts)[: int(RATE * seconds)].astype(np.float32)


def room(seconds: float, seed: int = 1) -> NDArray[np.float32]:
    """What is no cry: noise, equally loud in every band."""
    return np.random.default_rng([5, seed]).normal(0.0, 0.05, int(RATE * seconds)).astype(np.float32)


def _encoded(samples: NDArray[np.float64]) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()
