"""dlib's network for faces as ONNX: its 29 convolutions of "Deep Residual Learning" (He et al., 2015), 128 numbers.

con + affine -> Conv; relu -> Relu; add_prev -> Pad of the smaller side with zeros, Add; fc without bias -> MatMul.

The weights are Davis King's (https://github.com/davisking/dlib-models, CC0 1.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.faces.embedding import INPUT, OUTPUT

from home_security.faces.dlib_reader import DlibNetwork, Layer, read_network
from home_security.faces.graph import GraphBuilder

DIMENSIONS = 128
CONVOLUTIONS = 29
DIVISOR = 256.0
_EVERYTHING = 0
"""Rows of a pooling window that is as large as what comes in."""


@dataclass(frozen=True, slots=True)
class _Value:
    """A tensor of the graph. channels, side: its size behind the batch axis; it is square."""

    name: str
    channels: int
    side: int


def convert_dlib(weights: Path) -> tuple[onnx.ModelProto, DlibNetwork]:
    """weights: `dlib_face_recognition_resnet_model_v1.dat`. Takes and gives what `pipit.faces.embedding` names.

    Raises InvalidInput for another file.
    """
    network = read_network(weights.read_bytes())
    found = sum(layer.kind == "con" for layer in network.layers)
    if found != CONVOLUTIONS:
        raise InvalidInput(f"{weights.name} has {found} convolutions, dlib's network for faces has {CONVOLUTIONS}")
    return _Converter(network).convert(), network


class _Converter:
    """Walks the layers from the input on. A block of two convolutions begins where the one before was added up."""

    def __init__(self, network: DlibNetwork) -> None:
        self._network = network
        self._graph = GraphBuilder("dlib_faces")
        self._before: _Value | None = None
        """What came into the block, which `add_prev` adds."""

    def convert(self) -> onnx.ModelProto:
        size = self._network.size
        value = _Value(INPUT, 3, size)
        layers = list(self._network.layers)
        while layers:
            layer = layers.pop(0)
            if layer.kind == "con":
                if layers[:1] and layers[0].kind == "affine":
                    layer = _folded(layer, layers.pop(0), value.channels)
                value = self._convolution(layer, value)
            elif layer.kind == "relu":
                value = _Value(self._graph.add("Relu", [value.name]), value.channels, value.side)
            elif layer.kind == "max_pool":
                value = self._before = self._pooled("MaxPool", layer, value)
            elif layer.kind == "avg_pool" and layer.sizes["rows"] != _EVERYTHING:
                # The shortcut of a block that halves the picture.
                self._before = self._pooled("AveragePool", layer, self._block_start())
            elif layer.kind == "add_prev":
                value = self._added(value, self._block_start(), relu=bool(layers) and layers.pop(0).kind == "relu")
                self._before = value
            elif layer.kind == "avg_pool":
                pooled = self._graph.add("GlobalAveragePool", [value.name])
                value = _Value(self._graph.add("Flatten", [pooled], axis=1), value.channels, 1)
            else:
                return self._answered(layer, value)
        raise InvalidInput("the network has no layer that gives the embedding; fetch it again")

    def _answered(self, layer: Layer, value: _Value) -> onnx.ModelProto:
        shape = (value.channels, DIMENSIONS)
        if layer.kind != "fc" or layer.parameters.size != shape[0] * shape[1]:
            raise InvalidInput(f"the network ends with {layer.kind} of another shape than {shape}; fetch it again")
        self._graph.add("MatMul", [value.name, self._graph.constant(layer.parameters.reshape(shape))], output=OUTPUT)
        return self._graph.model((3, self._network.size, self._network.size), (DIMENSIONS,))

    def _block_start(self) -> _Value:
        if self._before is None:
            raise InvalidInput("the network adds up what is not there; fetch it again")
        return self._before

    def _convolution(self, layer: Layer, value: _Value) -> _Value:
        sizes = layer.sizes
        filters, window = sizes["filters"], sizes["rows"]
        shape = (filters, value.channels, window, sizes["columns"])
        kernel = layer.parameters[: int(np.prod(shape))].reshape(shape)
        bias = layer.parameters[kernel.size :]
        name = self._graph.add(
            "Conv",
            [value.name, self._graph.constant(kernel), self._graph.constant(bias)],
            kernel_shape=[window, window],
            strides=[sizes["stride_y"], sizes["stride_x"]],
            pads=[sizes["padding_y"], sizes["padding_x"]] * 2,
        )
        return _Value(name, filters, _side_after(layer, value.side))

    def _pooled(self, operator: str, layer: Layer, value: _Value) -> _Value:
        sizes = layer.sizes
        name = self._graph.add(
            operator,
            [value.name],
            kernel_shape=[sizes["rows"], sizes["columns"]],
            strides=[sizes["stride_y"], sizes["stride_x"]],
        )
        return _Value(name, value.channels, _side_after(layer, value.side))

    def _added(self, one: _Value, other: _Value, *, relu: bool) -> _Value:
        channels, side = max(one.channels, other.channels), max(one.side, other.side)
        parts = [self._padded(value, channels, side) for value in (one, other)]
        name = self._graph.add("Add", parts)
        return _Value(self._graph.add("Relu", [name]) if relu else name, channels, side)

    def _padded(self, value: _Value, channels: int, side: int) -> str:
        if (value.channels, value.side) == (channels, side):
            return value.name
        more = side - value.side
        ends = np.array([0, 0, 0, 0, 0, channels - value.channels, more, more], np.int64)
        return self._graph.add("Pad", [value.name, self._graph.constant(ends)])


def _side_after(layer: Layer, side: int) -> int:
    sizes = layer.sizes
    return (side + 2 * sizes["padding_y"] - sizes["rows"]) // sizes["stride_y"] + 1


def _folded(convolution: Layer, affine: Layer, channels: int) -> Layer:
    """The convolution and what scales and shifts each of its channels, as one."""
    filters = convolution.sizes["filters"]
    values = convolution.parameters.astype(np.float64)
    count = filters * channels * convolution.sizes["rows"] * convolution.sizes["columns"]
    if values.size != count + filters or affine.parameters.size != 2 * filters:
        raise InvalidInput("a layer of the network has another number of weights than its shape says; fetch it again")
    scale, shift = affine.parameters.astype(np.float64).reshape(2, filters)
    kernel = values[:count].reshape(filters, -1) * scale[:, np.newaxis]
    bias = values[count:] * scale + shift
    return Layer("con", convolution.sizes, _joined([kernel.ravel(), bias]))


def _joined(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float32]:
    return np.concatenate(parts).astype(np.float32)
