"""Synthetic physiology in SWELL-KW's layout, for machines without data: to try the way, not to judge a network by.

Golden inputs are made of it, and of faces that are nobody's, so that no bundle carries anybody's body or face.
Nobody's heart beats in it. Stress raises the made-up heart rate and conductance and lowers RMSSD, by an amount of each
person's own. Unlike in the study the order of the conditions is drawn, so that the clock tells nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pipit.files import write_atomically
from pipit.inputs import Input, InputSequence, Landmarks, TensorInput
from pipit.inputs.landmarks import BODY_POINT_NAMES, FACE_POINTS, join_features
from pipit.inputs.physiology import MISSING

from emotion.stress.signals import LANDMARKS
from emotion.stress.stream import StepReader
from emotion.stress.swell import COLUMNS, FILE, SCORES

RELAX_MINUTES, TASK_MINUTES = 6, 20
MISSING_SHARE = 0.2
BODY_POINTS = len(BODY_POINT_NAMES)
GOLDEN_ANGLE = np.pi * (3.0 - np.sqrt(5.0))


def write_synthetic_set(folder: Path, participants: int = 15, seed: int = 1) -> Path:
    """Writes a table and a `SYNTHETIC.txt` to `folder`. The same seed gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow((*COLUMNS[:3], "timestamp", *COLUMNS[3:]))
    for person in range(participants):
        generator = np.random.default_rng([seed, person])
        manner = generator.normal(size=5)
        for block, task in enumerate(generator.permutation(list("NIT"))):
            conditions = "R" * RELAX_MINUTES + str(task) * TASK_MINUTES
            values = synthesise_block(conditions, len(conditions), generator, manner)
            for minute, (condition, row) in enumerate(zip(conditions, values, strict=True)):
                signals = [f"{MISSING:g}" if np.isnan(value) else f"{value:.6g}" for value in row]
                writer.writerow((f"PP{person + 1}", block + 1, condition, f"minute {minute}", *signals))
    write_atomically(folder / FILE, table.getvalue().encode())
    write_atomically(folder / "SYNTHETIC.txt", b"Made by a program; nobody's body was measured.\n")
    return folder


def synthesise_block(
    conditions: str, minutes: int, generator: np.random.Generator, manner: NDArray[np.float64] | None = None
) -> NDArray[np.float32]:
    """Heart rate, RMSSD, skin conductance: (minutes, 3), NaN where missing.

    conditions: SWELL-KW's letters, a minute each; the last one lasts. manner: five numbers that make a person.
    """
    person = generator.normal(size=5) if manner is None else manner
    letters = conditions.ljust(minutes, conditions[-1])[:minutes]
    target = np.array([SCORES[letter] for letter in letters])
    level = np.empty(minutes)
    before = target[0]
    for minute in range(minutes):
        before += 0.5 * (target[minute] - before)
        level[minute] = before
    noise = generator.normal(size=(minutes, 3))
    reaction = 1.0 + 0.2 * np.tanh(person[3])
    values = np.stack(
        [
            72.0 + 6.0 * person[0] + 6.0 * reaction * level + 2.0 * noise[:, 0],
            np.exp(-3.0 + 0.2 * person[1] - 0.3 * reaction * level + 0.15 * noise[:, 1]),
            np.exp(5.0 + 0.6 * person[2] + 0.25 * reaction * level + 0.08 * noise[:, 2]),
        ],
        axis=1,
    )
    values[generator.random(minutes) < MISSING_SHARE, :2] = np.nan
    values[generator.random(minutes) < MISSING_SHARE / 2, 2] = np.nan
    return values.astype(np.float32)


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
