"""Golden inputs: rows of numbers that a program drew, so that no bundle carries anybody's face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pipit.inputs import Input, Landmarks, TensorInput

from emotion.expression.classes import LABELS
from emotion.expression.features import ALIGNED, CROP, make_features
from emotion.expression.settings import Settings
from emotion.expression.synthetic import synthesise


def golden_inputs(settings: Settings, count: int, seed: int) -> Sequence[Input]:
    """Landmarks of faces that are nobody's; for a network that sees a crop, rows with a smooth pattern in its place."""
    generator = np.random.default_rng(seed)
    inputs: list[Input] = []
    for number in range(count):
        landmarks = synthesise(LABELS[number % len(LABELS)], int(generator.integers(1 << 30)), generator)
        if settings.kind != "aligned_crop":
            inputs.append(Landmarks(landmarks))
            continue
        row = np.empty(ALIGNED + CROP * CROP, np.float32)
        across, down = np.meshgrid(np.linspace(0, 1, CROP), np.linspace(0, 1, CROP))
        waves = np.sin(2 * np.pi * (generator.uniform(1, 4) * across + generator.uniform(1, 4) * down))
        row[:ALIGNED] = make_features("aligned", landmarks[np.newaxis], 1.0, None)[0]
        row[ALIGNED:] = (0.5 + 0.4 * waves).ravel()
        inputs.append(TensorInput("", row))
    return inputs
