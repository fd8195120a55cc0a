"""A small set of landmarks that a program makes: faces that are wide or long, of persons who do not exist.

It shows the way from data to answers. What is measured on it says nothing about people.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipit.inputs import Input, Landmarks
from pipit.inputs.landmarks import FACE_POINTS, join_features
from pipit.inputs.landmarks.files import LandmarkTable, Sources, write_landmarks
from pipit.inputs.landmarks.layout import BODY_POINT_NAMES
from pipit.training.by_input.faces.labelled import LANDMARKS, PERSON_MARK

SHAPES = {"long": (0.8, 1.25), "wide": (1.25, 0.8)}
"""How far the points of each class are spread, across and down."""
PERSONS, PICTURES = 12, 4
SIZE = 480


def write_examples(folder: Path) -> None:
    """Writes landmarks.npz: 12 persons of each class, each four times."""
    generator = np.random.default_rng(1)
    names, rows = [], []
    for label in SHAPES:
        for person in range(PERSONS):
            for picture in range(PICTURES):
                names.append(f"{label}/{label}{person:02d}{PERSON_MARK}{picture}.jpg")
                rows.append(_face(label, person, generator))
    write_landmarks(folder / LANDMARKS, landmark_table(names, np.stack(rows), SIZE))


def example_inputs(count: int, seed: int) -> Sequence[Input]:
    """`count` faces of the classes in turn. The same seed gives the same numbers."""
    generator, labels = np.random.default_rng(seed), sorted(SHAPES)
    return [Landmarks(_face(labels[number % len(labels)], number, generator)) for number in range(count)]


def landmark_table(names: Sequence[str], features: NDArray[np.float32], size: int) -> LandmarkTable:
    """Of pictures that nobody took, `size` pixels a side, with a face each. features: (n, 1536)."""
    count = len(names)
    points = features[:, : FACE_POINTS * 3].reshape(count, FACE_POINTS, 3)[..., :2] * size
    box = np.concatenate([points.min(axis=1), np.ptp(points, axis=1)], axis=1).astype(np.float32)
    zeros, ones = np.zeros(count, np.int32), np.ones(count, np.int32)
    sources = Sources(np.array(names), zeros.astype(np.int64), zeros.astype(np.int64), ones, zeros, np.full(count, ""))
    return LandmarkTable(
        features=features,
        source=np.arange(count, dtype=np.int32),
        seconds=np.full(count, np.nan),
        face=zeros,
        presence=np.ones(count, np.float32),
        body_presence=np.zeros(count, np.float32),
        box=box,
        sources=sources,
        options={"synthetic": True},
    )


def _face(label: str, person: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """(1536,), no body. The same person has the same points, moved a little."""
    points = np.random.default_rng([7, person]).normal(0.0, 0.1, (FACE_POINTS, 3))
    points[:, :2] *= SHAPES[label]
    points += generator.normal(0.0, 0.005, points.shape)
    points[:, :2] += generator.uniform(0.45, 0.55, 2)
    return join_features(points.astype(np.float32), np.zeros((len(BODY_POINT_NAMES), 4), np.float32))
