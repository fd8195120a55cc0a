"""Golden inputs: bodies and faces that a program made, so that no bundle carries anybody's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pipit.inputs import Input, InputSequence, Landmarks, TensorInput
from pipit.inputs.landmarks import FACE_POINTS, join_features

from emotion.stress.signals import LANDMARKS
from emotion.stress.stream import StepReader
from emotion.stress.synthetic import synthesise_block

BODY_POINTS = 33
GOLDEN_ANGLE = np.pi * (3.0 - np.sqrt(5.0))


def golden_inputs(reader: StepReader, count: int, seed: int) -> Sequence[Input]:
    """`count` recordings of a little over a window, some steps missing. The same seed gives the same bytes."""
    steps = reader.window + 2
    inputs: list[Input] = []
    for number in range(count):
        generator = np.random.default_rng([seed, number])
        if reader.signals is LANDMARKS:
            faces = synthesise_faces(steps, generator)
            inputs.append(InputSequence(tuple(Landmarks(face) for face in faces)))
            continue
        values = synthesise_block("NIRT"[number % 4], steps, generator)
        if number % 2:
            inputs.append(TensorInput(reader.signals.name, values))
        else:
            inputs.append(InputSequence(tuple(TensorInput(reader.signals.name, step) for step in values)))
    return inputs


def synthesise_faces(steps: int, generator: np.random.Generator, strain: float = 0.5) -> NDArray[np.float32]:
    """Points on an oval that sways, and a body below it: (steps, 1536). One step in eight has no face.

    strain: 0..1; how far the lower part of the oval is drawn in. It stands for nothing but itself.
    """
    spiral = np.arange(FACE_POINTS) + 0.5
    radius, angle = np.sqrt(spiral / FACE_POINTS), spiral * GOLDEN_ANGLE
    across, down = radius * np.cos(angle), radius * np.sin(angle)
    middle = np.array([0.5, 0.4]) + 0.05 * generator.normal(size=2)
    size = generator.uniform(0.1, 0.2)
    body_place = np.stack([generator.uniform(-2, 2, BODY_POINTS), generator.uniform(1, 5, BODY_POINTS)], axis=1)
    rows = []
    for step in range(steps):
        sway = 0.02 * np.array([np.sin(0.7 * step), np.cos(0.9 * step)]) + middle
        drawn = across * (1.0 - 0.3 * strain * np.clip(down, 0.0, 1.0))
        face = np.stack([drawn * size + sway[0], down * 1.3 * size + sway[1], (1.0 - radius**2) * size], axis=1)
        face += generator.normal(0.0, 0.002, face.shape)
        body = np.concatenate([body_place * size + sway, generator.normal(0.0, 0.1, (BODY_POINTS, 2))], axis=1)
        body[:, 3] = 1.0 / (1.0 + np.exp(-10.0 * body[:, 3]))
        rows.append(join_features(face.astype(np.float32), body.astype(np.float32)))
        if step % 8 == 5:
            rows[-1] = np.zeros_like(rows[-1])
    return np.stack(rows)
