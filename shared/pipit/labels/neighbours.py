"""Which examples look or sound alike: near-duplicates, of which one is offered, and looser likeness, which thins.

Vectors of the examples that stand for themselves lie in memory, so that new ones are compared with all of them by one
product of matrices: exact, and less than a millisecond each with 100,000.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipit.labels.features import LENGTH

MOST = 100
"""Neighbours that are told; where there are more, the example waits all the more."""
Vector = NDArray[np.float32]


class Neighbours:
    """Unit vectors by the number of their example. One thread at a time."""

    def __init__(self) -> None:
        self._count = 0
        self._vectors = np.zeros((1024, LENGTH), np.float32)
        self._numbers = np.zeros(1024, np.int64)
        self._thinned = np.zeros(1024, np.bool_)

    def add(self, number: int, vector: Vector, *, thinned: bool) -> None:
        """thinned: it waits, since another stands for its surroundings."""
        if self._count == len(self._numbers):
            self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
            self._numbers = np.concatenate([self._numbers, np.zeros_like(self._numbers)])
            self._thinned = np.concatenate([self._thinned, np.zeros_like(self._thinned)])
        self._vectors[self._count], self._numbers[self._count] = vector, number
        self._thinned[self._count] = thinned
        self._count += 1

    def thin(self, numbers: list[int]) -> None:
        """These wait from now on."""
        self._thinned[: self._count] |= np.isin(self._numbers[: self._count], numbers)

    def compare(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cosine similarities of all that are here now to new ones. vectors: (new, LENGTH). Gives (here, new).

        All at once, since one product of matrices reads the vectors once from memory.
        """
        return self._vectors[: self._count] @ vectors.T

    def find(self, vector: Vector, before: Vector, same: float, alike: float) -> tuple[list[int], list[int]]:
        """Those of which this is a near-duplicate, and those which stand for its surroundings, nearest first.

        before: what `compare` gave for it; those that came since are compared here. same, alike: cosine similarities
        from which two examples are that.
        """
        likeness = np.concatenate([before, self._vectors[len(before) : self._count] @ vector])

        def nearest(chosen: NDArray[np.bool_]) -> list[int]:
            places = np.flatnonzero(chosen)
            found: list[int] = self._numbers[places[np.argsort(-likeness[places], kind="stable")][:MOST]].tolist()
            return found

        return nearest(likeness >= same), nearest((likeness >= alike) & ~self._thinned[: self._count])
