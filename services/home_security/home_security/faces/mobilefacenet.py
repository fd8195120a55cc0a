"""MobileFaceNet with its published weights as ONNX, batch norm folded into the convolutions before it: 128 numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.faces.embedding import INPUT, OUTPUT
from pipit.training.mobilefacenet import FEATURES, STAGES, STEM, read_weights

from home_security.faces.graph import GraphBuilder

WIDTH, HEIGHT, DIMENSIONS = 96, 112, 128
_EPSILON = 1e-5
_LAST = (7, 6)
"""Rows and columns that are left of a picture before the last convolutions."""


def convert_mobilefacenet(path: Path) -> onnx.ModelProto:
    """Takes and gives what `pipit.faces.embedding` names. Raises InvalidInput for a file with other weights."""
    try:
        return _Converter(read_weights(path)).convert()
    except (KeyError, ValueError) as error:
        raise InvalidInput(f"{path} holds no weights of MobileFaceNet: {error} does not fit; fetch it again") from error


class _Converter:
    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self._weights = weights
        self._graph = GraphBuilder("mobilefacenet")

    def convert(self) -> onnx.ModelProto:
        value = self._layer(INPUT, "conv1", (STEM, 3, 3, 3), stride=2)
        value = self._layer(value, "dw_conv1", (STEM, 1, 3, 3))
        channels, number = STEM, 0
        for expansion, wide, count, stride in STAGES:
            for place in range(count):
                value = self._block(value, f"blocks.{number}", channels, wide, expansion, 1 if place else stride)
                channels, number = wide, number + 1
        value = self._layer(value, "conv2", (FEATURES, channels, 1, 1))
        value = self._layer(value, "linear7", (FEATURES, 1, *_LAST), active=False, pads=0)
        value = self._layer(value, "linear1", (DIMENSIONS, FEATURES, 1, 1), active=False)
        self._graph.add("Flatten", [value], output=OUTPUT, axis=1)
        return self._graph.model((3, HEIGHT, WIDTH), (DIMENSIONS,))

    def _layer(
        self,
        value: str,
        name: str,
        shape: tuple[int, ...],
        *,
        stride: int = 1,
        active: bool = True,
        pads: int | None = None,
    ) -> str:
        slopes = f"{name}.prelu.weight" if active else None
        return self._convolution(value, f"{name}.conv", f"{name}.bn", shape, slopes, stride=stride, pads=pads)

    def _block(self, value: str, name: str, before: int, after: int, expansion: int, stride: int) -> str:
        """Widened, convolved channel by channel, narrowed; added to what came in where the shape allows."""
        part = [f"{name}.conv.{place}" for place in range(8)]
        wide = before * expansion
        result = self._convolution(value, part[0], part[1], (wide, before, 1, 1), f"{part[2]}.weight")
        result = self._convolution(result, part[3], part[4], (wide, 1, 3, 3), f"{part[5]}.weight", stride=stride)
        result = self._convolution(result, part[6], part[7], (after, wide, 1, 1), None)
        return self._graph.add("Add", [value, result]) if stride == 1 and before == after else result

    def _convolution(
        self,
        value: str,
        convolution: str,
        norm: str,
        shape: tuple[int, ...],
        slopes: str | None,
        *,
        stride: int = 1,
        pads: int | None = None,
    ) -> str:
        kernel = self._weight(f"{convolution}.weight", shape).astype(np.float64)
        filters = shape[0]
        scale, shift, mean, variance = (
            self._weight(f"{norm}.{part}", (filters,)).astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = scale / np.sqrt(variance + _EPSILON)
        folded = kernel * scale[:, np.newaxis, np.newaxis, np.newaxis]
        attributes: dict[str, Any] = {
            "kernel_shape": list(shape[2:]),
            "strides": [stride, stride],
            "pads": [shape[2] // 2 if pads is None else pads] * 4,
            "group": filters if shape[1] == 1 else 1,
        }
        constants = [self._graph.constant(values.astype(np.float32)) for values in (folded, shift - mean * scale)]
        result = self._graph.add("Conv", [value, *constants], **attributes)
        if slopes is None:
            return result
        slope = self._graph.constant(self._weight(slopes, (filters,)).reshape(filters, 1, 1))
        return self._graph.add("PRelu", [result, slope])

    def _weight(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        weights = self._weights[name]
        if weights.shape != shape:
            raise ValueError(f"{name} of shape {weights.shape}")
        return weights
