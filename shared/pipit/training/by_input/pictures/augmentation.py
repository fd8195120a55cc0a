"""Varied copies of crops, by Keras' preprocessing layers. Importing this imports Keras."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from pipit.training.by_input.pictures.settings import Augmentation


def augmenter(settings: Augmentation, seed: int) -> keras.Sequential:
    """Crops to varied crops, both RGB 0..255. What lies outside is mirrored in. The same seed varies alike."""
    parts: list[layers.Layer] = []
    if settings.flip != "none":
        parts.append(layers.RandomFlip(settings.flip, seed=seed))
    if settings.rotation:
        parts.append(layers.RandomRotation(settings.rotation, fill_mode="reflect", seed=seed + 1))
    if settings.zoom:
        parts.append(layers.RandomZoom(settings.zoom, fill_mode="reflect", seed=seed + 2))
    if settings.shift:
        parts.append(layers.RandomTranslation(settings.shift, settings.shift, fill_mode="reflect", seed=seed + 3))
    if settings.contrast:
        parts.append(layers.RandomContrast(settings.contrast, seed=seed + 4))
    if settings.brightness:
        parts.append(layers.RandomBrightness(settings.brightness, seed=seed + 5))
    return keras.Sequential(parts, name="augmentation")


def vary(augment: keras.Sequential, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """crops: uint8, (rows, height, width, 3). Gives float32 of that shape, 0..255."""
    varied: NDArray[np.float32] = np.asarray(augment(crops.astype(np.float32), training=True), np.float32)
    return varied
