"""Batches of clips for a training with Keras.

An epoch's order, copies, masks and mixup follow from the seed and the epoch's number alone, so a training that was
interrupted sees what it would have seen. Importing this imports Keras.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.training.by_input.audio.augmentation import mask_bands_and_frames
from pipit.training.by_input.audio.settings import SoundRecipe
from pipit.training.mixup import mix

Rows = NDArray[np.float32]
Truth = NDArray[np.int64]
_FEWEST = 2
"""Clips in one worker's batch: batch norm needs more than one."""


@dataclass(frozen=True, slots=True)
class Samples:
    """rows: (clips, 1 + copies, bands, frames, 1), the first the clip as it is. truth: (clips,), category numbers."""

    rows: Rows
    truth: Truth


class AugmentedBatches(keras.utils.PyDataset):
    """Every clip once an epoch, as it is or as one of its copies, masked and mixed.

    Embeddings are cheap: of them every clip comes as often as it has copies, or an epoch would be a few steps only.
    Of several workers each draws the same order, and takes its share of each batch, which has `batch_size` clips for
    each of them.
    """

    def __init__(
        self,
        samples: Samples,
        outputs: int,
        recipe: SoundRecipe,
        first_epoch: int = 0,
        worker: int = 0,
        workers: int = 1,
    ) -> None:
        """Raises InvalidInput if there are not two clips for each worker."""
        super().__init__()
        if len(samples.truth) < _FEWEST * workers:
            raise InvalidInput(
                f"{len(samples.truth)} clips to train with are too few for {workers} workers; each needs {_FEWEST}"
            )
        self._worker, self._workers = worker, workers
        self._samples = samples
        self._recipe = recipe
        self._one_hot = np.eye(outputs, dtype=np.float32)
        self._epoch = first_epoch
        self._order, self._copies = self._draw()

    def __len__(self) -> int:
        # A rest that is too small for batch norm joins the batch before.
        full, rest = divmod(len(self._order), self._recipe.batch_size * self._workers)
        return max(1, full + (rest >= _FEWEST * self._workers))

    def __getitem__(self, index: int) -> tuple[Rows, Rows]:
        size = self._recipe.batch_size * self._workers
        end = None if index == len(self) - 1 else (index + 1) * size
        chosen = self._order[index * size : end][self._worker :: self._workers]
        rows = self._samples.rows[chosen, self._copies[chosen]]
        # The chief draws what a process alone would draw.
        own = [self._worker] if self._worker else []
        generator = np.random.default_rng([self._recipe.seed, self._epoch, index, *own])
        if rows.ndim == 4:
            rows = mask_bands_and_frames(rows, self._recipe.augmentation, generator)
        return mix(rows, self._one_hot[self._samples.truth[chosen]], self._recipe.augmentation.mixup, generator)

    def on_epoch_end(self) -> None:
        """Draws the next epoch's order and copies."""
        self._epoch += 1
        self._order, self._copies = self._draw()

    def _draw(self) -> tuple[Truth, Truth]:
        generator = np.random.default_rng([self._recipe.seed, self._epoch])
        clips, copies = self._samples.rows.shape[:2]
        repeats = copies if self._samples.rows.ndim == 3 else 1
        order = generator.permutation(np.tile(np.arange(clips), repeats))
        return order, generator.integers(0, copies, size=len(order))
