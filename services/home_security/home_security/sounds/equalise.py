"""Makes a chain of convolutions fit for 8 bits, with next to no change of what it computes in float.

One scale serves all channels of an activation in int8. Where one channel reaches 40 and its neighbour 0.4, the
neighbour is left with two or three steps. Since ReLU(s x) = s ReLU(x), channel c of an activation can be divided by a
factor if the next layer's weights for c are multiplied by it:

    pointwise -> ReLU -> depthwise -> ReLU -> pointwise -> …
              free       free                 costs: its weights share a scale over all their inputs

Weights have a scale for each output channel, so the factor is free before a depthwise layer: there every channel gets
the same range. Before another layer the difference is shared between activations and weights (a power of one half).

Rare peaks are cut: a channel's range ends at its mean and eight standard deviations, if it ever goes beyond. All ranges
are scaled to end at 6, so that the cut is ReLU6, which LiteRT has as part of a convolution.

Sources: M. Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction,
https://arxiv.org/abs/1906.04721; the power of one half: https://arxiv.org/abs/2211.10438.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

Rows = NDArray[np.float32]
CEILING = 6.0
DEVIATIONS = 8.0
SMALLEST = 1.0 / 500.0
"""Of the largest range in a layer: what a channel gets at least. One that hardly answers tells little of its range."""


def channel_ranges(body: keras.Model, rows: Rows, batch: int = 32) -> list[Rows]:
    """Where each channel of each ReLU of `body` ends, seen on `rows`, in order. `body` has no ceiling yet."""
    watched = keras.Model(body.input, [layer.output for layer in body.layers if isinstance(layer, layers.ReLU)])
    seen = [_Seen() for _ in watched.outputs]
    for start in range(0, len(rows), batch):
        for one, values in zip(seen, watched(rows[start : start + batch]), strict=True):
            one.add(np.asarray(values).reshape(-1, values.shape[-1]))
    return [one.range() for one in seen]


class _Seen:
    """Running moments and maximum of one activation's channels."""

    def __init__(self) -> None:
        self._count = 0
        self._sums: NDArray[np.float64] = np.zeros(0)
        self._squares: NDArray[np.float64] = np.zeros(0)
        self._maxima: NDArray[np.float64] = np.zeros(0)

    def add(self, values: Rows) -> None:
        """values: (places, channels)."""
        wide = values.astype(np.float64)
        if not self._count:
            self._sums, self._squares, self._maxima = (np.zeros(wide.shape[1]) for _ in range(3))
        self._count += len(wide)
        self._sums += wide.sum(axis=0)
        self._squares += (wide * wide).sum(axis=0)
        self._maxima = np.maximum(self._maxima, wide.max(axis=0))

    def range(self) -> Rows:
        mean = self._sums / self._count
        deviation = np.sqrt(np.maximum(self._squares / self._count - mean * mean, 0.0))
        ends = np.minimum(self._maxima, mean + DEVIATIONS * deviation)
        # A layer that never answered keeps its scale.
        floor = ends.max() * SMALLEST if ends.max() > 0.0 else CEILING
        return np.maximum(ends, floor).astype(np.float32)


def equalise(chain: Sequence[layers.Layer], ranges: Sequence[Rows]) -> None:
    """Rescales the channels of `chain`, in place, so that ranges end at 6. What it gives in the end is rescaled too.

    chain: Conv2D and DepthwiseConv2D, each followed by a ReLU6. ranges: of the activation after each.
    """
    for (layer, follower), ends in zip(pairwise(chain), ranges, strict=False):
        factor = _factor(ends, free=isinstance(follower, layers.DepthwiseConv2D))
        _divide_outputs(layer, factor)
        _multiply_inputs(follower, factor)
    _divide_outputs(chain[-1], _factor(ranges[-1], free=False))


def _factor(ends: Rows, *, free: bool) -> Rows:
    """What each channel is divided by."""
    if free:
        return ends / np.float32(CEILING)
    shared: Rows = np.sqrt(ends) * np.sqrt(ends.max()) / np.float32(CEILING)
    return shared


def _divide_outputs(layer: layers.Layer, factor: Rows) -> None:
    kernel, bias = layer.get_weights()
    # A depthwise kernel is (height, width, channels, 1), another (height, width, in, out).
    wide = factor[:, np.newaxis] if isinstance(layer, layers.DepthwiseConv2D) else factor
    layer.set_weights([kernel / wide, bias / factor])


def _multiply_inputs(layer: layers.Layer, factor: Rows) -> None:
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel * factor[:, np.newaxis], bias])
