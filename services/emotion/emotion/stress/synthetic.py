"""Synthetic physiology in SWELL-KW's layout, for machines without data: to try the way, not to judge a network by.

Nobody's heart beats in it. Stress raises the made-up heart rate and conductance and lowers RMSSD, by an amount of each
person's own. Unlike in the study the order of the conditions is drawn, so that the clock tells nothing.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pipit.files import write_atomically
from pipit.inputs.physiology import MISSING

from emotion.stress.swell import COLUMNS, FILE, SCORES

RELAX_MINUTES, TASK_MINUTES = 6, 20
MISSING_SHARE = 0.2


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
