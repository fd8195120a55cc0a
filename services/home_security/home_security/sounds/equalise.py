"""Makes a chain of convolutions fit for 8 bits without changing what it computes.

One scale serves all channels of an activation in int8. Where one channel reaches 40 and its neighbour 0.4, the
neighbour is left with two or three steps. Since ReLU(s x) = s ReLU(x), channel c of an activation can be divided by a
factor if the next layer's weights for c are multiplied by it:

    pointwise -> ReLU -> depthwise -> ReLU -> pointwise -> …
              free       free                 costs: its weights share a scale over all their inputs

Weights have a scale for each output channel, so the factor is free before a depthwise layer: every channel is brought
to the same range. Before another layer it is moved half the way (as a power of 0.5), between activations and weights.

Source: M. Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction,
https://arxiv.org/abs/1906.04721; the power of one half: https://arxiv.org/abs/2211.10438.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

Rows = NDArray[np.float32]


def channel_maxima(body: keras.Model, rows: Rows, batch: int = 32) -> list[Rows]:
    """Largest value of each channel of each ReLU of `body` over `rows`, in order."""
    activations = [layer.output for layer in body.layers if isinstance(layer, layers.ReLU)]
    watched = keras.Model(body.input, activations)
    maxima: list[Rows] = []
    for start in range(0, len(rows), batch):
        found = [np.asarray(value).max(axis=(0, 1, 2)) for value in watched(rows[start : start + batch])]
        maxima = [np.maximum(a, b) for a, b in zip(maxima, found, strict=True)] if maxima else found
    return maxima


def equalise(chain: Sequence[layers.Layer], maxima: Sequence[Rows]) -> None:
    """Rescales the channels between the layers of `chain`, in place; all but the last are followed by a ReLU.

    chain: Conv2D, DepthwiseConv2D and, last, Dense. maxima: of the activation after each layer but the last.
    """
    for layer, follower, largest in zip(chain, chain[1:], maxima, strict=True):
        factor = _factor(largest, free=isinstance(follower, layers.DepthwiseConv2D))
        _divide_outputs(layer, factor)
        _multiply_inputs(follower, factor)


def _factor(largest: Rows, *, free: bool) -> Rows:
    """What each channel is divided by. A channel that never answered stays as it is."""
    known = largest > 0.0
    middle = float(np.exp(np.log(largest[known]).mean())) if known.any() else 1.0
    relative = np.where(known, largest / middle, 1.0)
    factor: Rows = (relative if free else np.sqrt(relative)).astype(np.float32)
    return factor


def _divide_outputs(layer: layers.Layer, factor: Rows) -> None:
    kernel, bias = layer.get_weights()
    # A depthwise kernel is (height, width, channels, 1), another (height, width, in, out).
    wide = factor[:, np.newaxis] if isinstance(layer, layers.DepthwiseConv2D) else factor
    layer.set_weights([kernel / wide, bias / factor])


def _multiply_inputs(layer: layers.Layer, factor: Rows) -> None:
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel * factor[:, np.newaxis], bias])
