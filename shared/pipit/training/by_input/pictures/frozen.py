"""What the frozen part of a network says of crops and their varied copies: computed once, and kept. Imports Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from pipit.files import sha256_bytes
from pipit.training.by_input.pictures.augmentation import augmenter, vary
from pipit.training.by_input.pictures.settings import PictureRecipe
from pipit.training.cache import ArrayCache
from pipit.training.keras_batches import Rows
from pipit.training.keras_distributed import weights_digest

BATCH = 64
"""Crops that go through the frozen part at a time."""


def seen_by(
    body: keras.Model | None, pixels: NDArray[np.uint8], recipe: PictureRecipe, copy: int, keep: ArrayCache
) -> Rows:
    """What the body makes of crops, or of their copy of that number; 0: as they are. Kept under all it depends on.

    body: None, or the input alone, where nothing is frozen: the crops themselves, uint8.
    """
    frozen = body if body is not None and len(body.layers) > 1 else None

    def make() -> Rows:
        augment = augmenter(recipe.augmentation, recipe.seed + 100 * copy) if copy else None
        parts = []
        for start in range(0, len(pixels), BATCH):
            batch = pixels[start : start + BATCH]
            varied = batch if augment is None else vary(augment, batch)
            if frozen is None:
                parts.append(np.asarray(np.rint(varied), np.uint8))
            else:
                parts.append(np.asarray(frozen.predict_on_batch(np.asarray(varied, np.float32))))
        return np.concatenate(parts)

    if frozen is None:
        # As large as the crops, and quickly made: not worth its place on the disk.
        return make()
    key: dict[str, Any] = {
        "crops": sha256_bytes(np.ascontiguousarray(pixels).tobytes()),
        "body": [layer.name for layer in frozen.layers][-1],
        "weights": weights_digest(frozen),
    }
    if copy:
        key |= {"augmentation": recipe.augmentation.model_dump(mode="json", exclude={"copies"})}
        key |= {"copy": copy, "seed": recipe.seed, "keras": keras.__version__}
    return keep.get(key, make)
