"""The weights in YAMNet's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper


def classifier_weights(weights: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """YAMNet's own last layer: kernel (1024, 521) and bias (521,) of the AudioSet classes."""
    graph = onnx.load(str(weights)).graph
    constants = constants_of(graph)
    node = next(node for node in graph.node if node.op_type == "Gemm")
    return constants[node.input[1]].T, constants[node.input[2]]


def constants_of(graph: Any) -> dict[str, NDArray[np.float32]]:
    """Every weight by name as float32, 8-bit ones through their DequantizeLinear."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    values = {name: array.astype(np.float32) for name, array in stored.items()}
    for node in graph.node:
        if node.op_type == "DequantizeLinear":
            integers, scale, zero = (stored[name] for name in node.input)
            values[node.output[0]] = (integers.astype(np.float32) - zero.astype(np.float32)) * scale
    return values
