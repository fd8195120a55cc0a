"""Turns a float LiteRT file back into weights of the Keras network that it was made of, so that training can go on.

The converter folds batch norm into the convolution before it. Here the folded kernels and biases become the network's,
and batch norm becomes one that changes nothing but adds the bias: the same function, as long as batch norm stays in
inference mode. Whether it is the same is tried, not believed. Importing this imports Keras.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import keras
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from keras import layers
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.runtimes import load_runtime

_KINDS: dict[int, tuple[type[layers.Layer], tuple[int, ...]]] = {
    schema.BuiltinOperator.CONV_2D: (layers.Conv2D, (1, 2, 3, 0)),
    schema.BuiltinOperator.DEPTHWISE_CONV_2D: (layers.DepthwiseConv2D, (1, 2, 3, 0)),
    schema.BuiltinOperator.FULLY_CONNECTED: (layers.Dense, (1, 0)),
}
"""What has weights: the layer that it was, and the order of its kernel's axes there."""
_TRIED = 4
_CLOSE = 1e-3
"""Largest difference of an output, as a share of the largest."""

Weights = NDArray[np.float32]


def take_litert_weights(network: keras.Model, path: Path) -> None:
    """Gives `network` the weights of the float file at `path`.

    network: one input, one output, the architecture of the file's. Raises InvalidInput for another network.
    """
    kinds = tuple(kind for kind, _ in _KINDS.values())
    listed: list[Any] = list(network.layers)
    wanted = {layer.name: layer for layer in listed if isinstance(layer, kinds)}
    found = {name: (kernel, bias) for name, kernel, bias in _read(path, wanted)}
    shapes = {name: layer.get_weights()[0].shape for name, layer in wanted.items()}
    if {name: kernel.shape for name, (kernel, _) in found.items()} != shapes:
        raise InvalidInput(f"{path} holds another network than {network.name}; name a bundle of that network")
    for name, (kernel, bias) in found.items():
        _assign(wanted[name], kernel, bias)
    _require_same(network, path)


def _read(path: Path, names: Container[str]) -> Iterator[tuple[str, Weights, Weights]]:
    """Name of the layer, kernel and bias of each operation with weights."""
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    graph = model.subgraphs[0]

    def constant(place: int) -> Weights:
        tensor = graph.tensors[place]
        data = model.buffers[tensor.buffer].data
        if data is None or tensor.type != schema.TensorType.FLOAT32:
            raise InvalidInput(f"{path} holds no weights of 32 bits; name a bundle that has the variant float32")
        return np.frombuffer(data.tobytes(), "<f4").reshape(tensor.shape)

    for operation in graph.operators:
        code = model.operatorCodes[operation.opcodeIndex]
        # Old files have the first, newer ones both.
        known = _KINDS.get(max(code.deprecatedBuiltinCode, code.builtinCode))
        if known is None:
            continue
        _, axes = known
        kernel = constant(operation.inputs[1])
        given = len(operation.inputs) > 2 and operation.inputs[2] >= 0
        bias = constant(operation.inputs[2]) if given else np.zeros(kernel.shape[0], np.float32)
        yield _layer_of(graph.tensors[operation.inputs[1]].name.decode(), names), kernel.transpose(axes), bias


def _layer_of(tensor: str, names: Container[str]) -> str:
    """Kernels are named after all that was made one, as `…;network_1/stem_1/convolution`, a padding too."""
    for part in reversed(tensor.split(";")):
        for segment in part.split("/"):
            # The converter numbers each call of a layer.
            if (name := re.sub(r"_\d+$", "", segment)) in names:
                return name
    return tensor


def _assign(layer: layers.Layer, kernel: Weights, bias: Weights) -> None:
    norm = _norm_after(layer)
    if norm is None:
        layer.set_weights([kernel, bias][: len(layer.get_weights())])
        return
    layer.set_weights([kernel, np.zeros_like(bias)][: len(layer.get_weights())])
    one = np.ones_like(bias)
    norm.set_weights([one, bias, 0 * one, one - norm.epsilon])


def _norm_after(layer: layers.Layer) -> layers.BatchNormalization | None:
    after: list[Any] = [node.operation for node in layer._outbound_nodes]
    return after[0] if len(after) == 1 and isinstance(after[0], layers.BatchNormalization) else None


def _require_same(network: keras.Model, path: Path) -> None:
    shape = (_TRIED, *network.input_shape[1:])
    rows = np.random.default_rng(1).uniform(0.0, 255.0, shape).astype(np.float32)
    given = np.asarray(network(rows, training=False))
    with closing(load_runtime(path, "litert")) as runtime:
        wanted = np.concatenate(
            [next(iter(runtime.run({network.inputs[0].name: rows[i : i + 1]}).values())) for i in range(_TRIED)]
        )
    if np.abs(given - wanted).max() > _CLOSE * max(1.0, float(np.abs(wanted).max())):
        raise InvalidInput(f"{path} can't be turned back into {network.name}; name the run that made it instead")
