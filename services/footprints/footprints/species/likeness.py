"""Whether a crop looks at all like the photographs of training: what tells a face or a room from a print.

    crop ─> body, which no stage trains ─> mean over places ─> (x - mean) / spread ─> mean of |…| ─> likeness 0..1

A network that knows 13 species gives its shares to whatever it is shown, and is as sure of a face as of a print. How
far a crop lies from those of training, channel by channel, needs no pictures of anything else to learn from, so that
what nobody thought of is told apart as well.

Source: K. Lee et al., A Simple Unified Framework for Detecting Out-of-Distribution Samples, https://arxiv.org/abs/1807.03888,
whose distance this is with one class and without correlations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

LEAST_SPREAD = 1e-3
"""Of a channel: one that never changes in training would decide alone."""
NEARLY_ALL, ALL = 0.9, 0.95
"""Shares of the training crops whose distance is a likeness of `NEARLY_LIKE` and of a half."""
NEARLY_LIKE = 0.9


@dataclass(frozen=True, slots=True)
class Likeness:
    """mean, spread: of each channel, (channels,). half: distance with a likeness of 0.5; slope: of its logit."""

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    half: float
    slope: float


def learn_likeness(seen: NDArray[np.float32]) -> Likeness:
    """seen: what the body says of training crops, (crops, …, channels)."""
    values = seen.reshape(len(seen), -1, seen.shape[-1]).mean(axis=1, dtype=np.float64)
    mean, spread = values.mean(axis=0), np.maximum(values.std(axis=0), LEAST_SPREAD)
    distances = np.abs((values - mean) / spread).mean(axis=1)
    nearly, half = np.quantile(distances, [NEARLY_ALL, ALL])
    slope = math.log(NEARLY_LIKE / (1 - NEARLY_LIKE)) / max(half - nearly, 1e-6)
    return Likeness(mean.astype(np.float32), spread.astype(np.float32), float(half), float(slope))


def likeness_of(seen: keras.KerasTensor, likeness: Likeness) -> keras.KerasTensor:
    """What the body says of crops to their likeness, (crops, 1)."""
    if len(seen.shape) > 2:
        seen = layers.GlobalAveragePooling2D(name="seen")(seen)
    away = layers.Normalization(mean=likeness.mean, variance=likeness.spread**2, name="away")(seen)
    distance = ops.mean(ops.abs(away), axis=-1, keepdims=True)
    logit = layers.Rescaling(-likeness.slope, likeness.slope * likeness.half, name="likeness_logit")(distance)
    return layers.Activation("sigmoid", name="likeness")(logit)
