"""A small set of series that a program makes: two signals that swing slowly or fast.

It shows the way from data to answers. What is measured on it says nothing about anything real.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipit.files import write_atomically
from pipit.inputs import Input, TensorInput
from pipit.pipelines.series import VALUES

SIGNALS = ("left", "right")
SWINGS = {"fast": (4.0, 6.0), "slow": (12.0, 20.0)}
"""Steps of one swing, from and to."""
RECORDINGS, STEPS = 12, 64


def write_examples(folder: Path) -> None:
    """Writes `<class>/<recording>.csv`: 12 recordings of each class, 64 steps of two signals."""
    for label in SWINGS:
        (folder / label).mkdir(parents=True, exist_ok=True)
        for recording in range(RECORDINGS):
            values = _series(label, STEPS, np.random.default_rng([1, recording]))
            lines = [",".join(SIGNALS), *(",".join(f"{value:.4f}" for value in step) for step in values)]
            write_atomically(folder / label / f"{label}{chr(97 + recording)}.csv", ("\n".join(lines) + "\n").encode())


def example_inputs(count: int, seed: int, steps: int) -> Sequence[Input]:
    """`count` tensors of `steps` steps, of the classes in turn. The same seed gives the same numbers."""
    generator, labels = np.random.default_rng([2, seed]), sorted(SWINGS)
    return [TensorInput(VALUES, _series(labels[i % len(labels)], steps, generator)) for i in range(count)]


def _series(label: str, steps: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """(steps, 2)."""
    length, phase = generator.uniform(*SWINGS[label]), generator.uniform(0.0, 2.0 * np.pi)
    angle = 2.0 * np.pi * np.arange(steps) / length + phase
    values = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return (values + generator.normal(0.0, 0.1, values.shape)).astype(np.float32)
