"""A small set of sounds that a program makes: low and high tones in noise.

It shows the way from data to answers. What is measured on it says nothing about real sounds.
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

TONES = {"high": (1_500.0, 3_000.0), "low": (150.0, 400.0)}
"""Range of each class, Hz."""
RATE, SECONDS = 16_000, 2.0
RECORDINGS, TAKES = 12, 2


def write_examples(folder: Path) -> None:
    """Writes `<class>/<recording>_<take>.wav`: 12 recordings of each class, two takes of each."""
    for label in TONES:
        (folder / label).mkdir(parents=True, exist_ok=True)
        for recording in range(RECORDINGS):
            for take in range(TAKES):
                path = folder / label / f"{label}{recording:02d}_{take}.wav"
                write_atomically(path, _encoded(_tone(label, [1, recording], take)))


def example_inputs(count: int, seed: int) -> Sequence[Input]:
    """`count` recordings of the classes in turn, as WAV. The same seed gives the same bytes."""
    labels = sorted(TONES)
    return [EncodedAudio(_encoded(_tone(labels[i % len(labels)], [2, seed, i], 0))) for i in range(count)]


def _tone(label: str, recording: Sequence[int], take: int) -> NDArray[np.float64]:
    generator = np.random.default_rng(recording)
    pitch, times = generator.uniform(*TONES[label]), np.arange(int(RATE * SECONDS)) / RATE
    noise = np.random.default_rng([*recording, take]).normal(0.0, 0.02, len(times))
    tone: NDArray[np.float64] = 0.3 * np.sin(2.0 * np.pi * pitch * times) + noise
    return tone


def _encoded(samples: NDArray[np.float64]) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()
