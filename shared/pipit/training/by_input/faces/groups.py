"""Who is on a picture, as far as a data set tells: pictures of one group stand on one side of a split.

Web collections hold the same picture twice, scaled, cut or saved anew. Where persons are not known, pictures whose
faces are nearly equal are taken for one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipit.training.by_input.faces.faces import FoundFace
from pipit.training.by_input.faces.labelled import Face

SAME_PICTURE = 0.97
"""Correlation of two upright faces, 16 x 16 pixels, from which on they are one picture."""
SMALL = 16
ROWS = 1024


def group_names(faces: Sequence[Face], found: Mapping[str, FoundFace]) -> tuple[list[str], int]:
    """A group for each face: its person, or itself, joined with its look-alikes. And how many look-alikes there are."""
    groups = [face.person or face.name for face in faces]
    crops = [found[face.name].crop for face in faces]
    cropped = [i for i, crop in enumerate(crops) if crop is not None]
    parent = {name: name for name in groups}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    pairs = _alike(np.stack([crop for crop in crops if crop is not None])) if cropped else []
    alike: set[int] = set()
    for first, second in pairs:
        alike |= {first, second}
        one, other = sorted((root(groups[cropped[first]]), root(groups[cropped[second]])))
        parent[other] = one
    return [root(name) for name in groups], len(alike)


def _alike(crops: NDArray[np.float32]) -> list[tuple[int, int]]:
    step = crops.shape[1] // SMALL
    small = crops.reshape(len(crops), SMALL, step, SMALL, step).mean(axis=(2, 4)).reshape(len(crops), -1)
    small -= small.mean(axis=1, keepdims=True)
    small /= np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-6)
    pairs = []
    for start in range(0, len(small), ROWS):
        rows, columns = np.nonzero(small[start : start + ROWS] @ small.T > SAME_PICTURE)
        pairs += [(int(r) + start, int(c)) for r, c in zip(rows, columns, strict=True) if r + start < c]
    return pairs
