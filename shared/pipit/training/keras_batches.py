"""Batches of rows and their copies for a training with Keras. Importing this imports Keras."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

Rows = NDArray[Any]
Positions = NDArray[np.int64]


class CopiedBatches(keras.utils.PyDataset):
    """Every row once an epoch, as it is or as one of its copies; which, follows from the seed and the epoch alone."""

    def __init__(
        self, copies: Sequence[Rows], targets: NDArray[np.float32], batch_size: int, seed: int, first_epoch: int = 0
    ) -> None:
        """copies: each (rows, …). targets: (rows, labels)."""
        super().__init__()
        self._copies, self._targets = copies, targets
        self._size, self._seed, self._epoch = batch_size, seed, first_epoch
        self._order, self._chosen = self._draw()

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rows = self._order[index * self._size : (index + 1) * self._size]
        values = np.stack([self._copies[self._chosen[row]][row] for row in rows]).astype(np.float32)
        return values, self._targets[rows]

    def on_epoch_end(self) -> None:
        """Draws the next epoch's order and copies."""
        self._epoch += 1
        self._order, self._chosen = self._draw()

    def _draw(self) -> tuple[Positions, Positions]:
        generator = np.random.default_rng([self._seed, self._epoch])
        rows = len(self._targets)
        return generator.permutation(rows), generator.integers(0, len(self._copies), rows)
