"""SYNTHETIC landmarks: a face of 468 points that a formula moves. For machines without pictures, to try the way.

The points lie on half an ellipsoid, with a mouth, eyes and brows that an emotion moves by fixed amounts; a person
changes the proportions, a picture the place, size and lean. It is a cartoon: what is measured on it says nothing
about people.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pipit.inputs import Input, Landmarks, TensorInput
from pipit.landmarks import FACE_MIRROR, FACE_POINTS, join_features
from pipit.landmarks.files import write_landmarks
from pipit.landmarks.layout import BODY_POINT_NAMES
from pipit.training.by_input.faces.examples import landmark_table
from pipit.training.by_input.faces.labelled import LANDMARKS, PERSON_MARK

from emotion.expression.classes import LABELS
from emotion.expression.features import ALIGNED, CROP, make_features
from emotion.expression.settings import Settings

GESTURES = {
    "happy": (0.30, 0.10, 0.00, 0.00),
    "sad": (-0.15, -0.02, 0.05, 0.10),
    "neutral": (0.00, 0.00, 0.00, 0.00),
    "angry": (-0.10, 0.00, -0.12, -0.12),
    "surprised": (0.00, 0.35, 0.15, 0.15),
    "fearful": (-0.05, 0.15, 0.15, 0.02),
    "disgusted": (-0.12, 0.06, -0.08, 0.00),
}
"""Mouth corners up, jaw down, eyes open, brows up; in distances between the eyes."""
_MOUTH = {61: (-0.45, 0.95), 291: (0.45, 0.95), 13: (0.0, 0.93), 14: (0.0, 0.97), 0: (0.0, 0.85), 17: (0.0, 1.08)}
_EYES = {33: (-0.75, 0.0), 133: (-0.25, 0.0), 263: (0.75, 0.0), 362: (0.25, 0.0)}
_LIDS = {159: (-0.5, -0.08), 145: (-0.5, 0.08), 386: (0.5, -0.08), 374: (0.5, 0.08)}
_BROWS = {
    70: (-0.95, -0.3),
    105: (-0.6, -0.42),
    107: (-0.2, -0.35),
    300: (0.95, -0.3),
    334: (0.6, -0.42),
    336: (0.2, -0.35),
}
_CORNERS, _LOWER_LIP, _UPPER_LIDS = (61, 291), (14, 17), (159, 386)
PERSONS, PICTURES = 24, 2
SIZE = 480
"""Pixels a side of the pictures that nobody took."""


def synthesise(label: str, person: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Landmarks of one picture, (1536,); no body. The same person has the same proportions."""
    points = _neutral(np.random.default_rng(int(person)))
    smile, jaw, eyes, brows = (value * generator.uniform(0.5, 1.3) for value in GESTURES[label])
    points[list(_CORNERS), 1] -= smile
    points[list(_LOWER_LIP), 1] += jaw
    points[152, 1] += jaw
    points[list(_UPPER_LIDS), 1] -= eyes / 2
    points[list(_BROWS), 1] -= brows
    points += generator.normal(0.0, 0.015, points.shape)
    lean, size = generator.normal(0.0, 0.15), generator.uniform(0.12, 0.25)
    turn = np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]])
    points[:, :2] = points[:, :2] @ turn.T
    points *= size
    points[:, :2] += generator.uniform(0.4, 0.6, 2)
    return join_features(points.astype(np.float32), np.zeros((len(BODY_POINT_NAMES), 4), np.float32))


def write_synthetic_set(folder: Path) -> Path:
    """Writes landmarks.npz: 24 persons, each emotion twice. The same bytes each time but for the zip's own dates."""
    generator = np.random.default_rng(1)
    names, rows = [], []
    for label in sorted(LABELS):
        for person in range(PERSONS):
            for number in range(PICTURES):
                names.append(f"{label}/synthetic{person:02d}{PERSON_MARK}{number}.jpg")
                rows.append(synthesise(label, person, generator))
    write_landmarks(folder / LANDMARKS, landmark_table(names, np.stack(rows), SIZE))
    return folder


def golden_inputs(settings: Settings, count: int, seed: int) -> Sequence[Input]:
    """Landmarks of faces that are nobody's; for a network that sees a crop, rows with a smooth pattern in its place.

    No bundle carries anybody's face.
    """
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


def _neutral(generator: np.random.Generator) -> NDArray[np.float64]:
    """A symmetric face, its eyes 1 apart about 0."""
    points = np.zeros((FACE_POINTS, 3))
    spots = np.random.default_rng(0).uniform(-1.0, 1.0, (FACE_POINTS, 2))
    points[:, 0], points[:, 1] = spots[:, 0], 0.4 + spots[:, 1] * 1.1
    for group in (_MOUTH, _EYES, _LIDS, _BROWS, {152: (0.0, 1.5)}):
        for point, place in group.items():
            points[point, :2] = place
    mirrored = points[list(FACE_MIRROR)] * (-1.0, 1.0, 1.0)
    points[:, :2] = (points[:, :2] + mirrored[:, :2]) / 2
    points[:, 2] = -np.sqrt(np.clip(1.5 - points[:, 0] ** 2 - (points[:, 1] - 0.4) ** 2 / 2, 0.0, None))
    return points * (1.0, generator.uniform(0.85, 1.15), generator.uniform(0.9, 1.1))
