"""Weights of a YOLOv8 network in LiteRT's format, as numbers that a training can begin with.

8-bit weights are turned back into floats, by channel. What rounding took is not given back; training evens it out.
Source of the format: https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from pipit.errors import InvalidInput

LEVELS, BRANCH = 3, 3
"""The head looks at three scales; at each, three convolutions give boxes and three give scores."""

_Weights = tuple[NDArray[np.float32], NDArray[np.float32]]


def convert_weights(source: Path, to: Path) -> int:
    """Writes `weight/N` (out, in, height, width) and `bias/N` of each convolution; gives how many there are.

    N counts in the order in which ultralytics' network runs them. Raises InvalidInput for another network.
    """
    found = list(_convolutions(source))
    size = LEVELS * 2 * BRANCH
    if len(found) <= size or found[-1][0].shape[2:] != (1, 1):
        raise InvalidInput(f"{source} is no YOLOv8 detector: it has {len(found)} convolutions")
    trunk, head = found[:-size], found[-size:]
    # The file has scale by scale, the coarsest first; ultralytics runs the boxes of all, the finest
    # first, then the scores.
    branches = [head[i : i + BRANCH] for i in range(0, size, BRANCH)]
    ordered = trunk + [one for branch in (*branches[-2::-2], *branches[::-2]) for one in branch]
    arrays = {f"{kind}/{i}": pair[k] for i, pair in enumerate(ordered) for k, kind in enumerate(("weight", "bias"))}
    np.savez(to, allow_pickle=False, **arrays)
    return len(ordered)


def _convolutions(source: Path) -> Iterator[_Weights]:
    """In running order, without the one that only sums up bins: its weights are no parameters."""
    content = source.read_bytes()
    if content[4:8] != b"TFL3":
        raise InvalidInput(f"{source} is no LiteRT file; give YOLO weights as .pt or .tflite")
    model = schema.Model.GetRootAs(content, 0)
    graph = model.Subgraphs(0)
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        code = model.OperatorCodes(operator.OpcodeIndex())
        if max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) != schema.BuiltinOperator.CONV_2D:
            continue
        weight = _values(model, graph.Tensors(operator.Inputs(1)))
        if weight.shape[0] > 1:
            yield np.ascontiguousarray(weight.transpose(0, 3, 1, 2)), _values(model, graph.Tensors(operator.Inputs(2)))


def _values(model: Any, tensor: Any) -> NDArray[np.float32]:
    """Of a constant, in float."""
    shape = tuple(int(side) for side in tensor.ShapeAsNumpy())
    stored = model.Buffers(tensor.Buffer()).DataAsNumpy()
    if tensor.Type() == schema.TensorType.FLOAT32:
        values: NDArray[np.float32] = stored.view(np.float32).reshape(shape)
        return values
    if tensor.Type() != schema.TensorType.INT8:
        raise InvalidInput("a YOLO network's weights are float32 or int8; this file has others")
    quantised = tensor.Quantization()
    scale, zero = quantised.ScaleAsNumpy(), quantised.ZeroPointAsNumpy()
    by_channel = (-1, *(1,) * (len(shape) - 1))
    levels = stored.view(np.int8).reshape(shape).astype(np.float32)
    floats: NDArray[np.float32] = (levels - zero.reshape(by_channel)) * scale.astype(np.float32).reshape(by_channel)
    return floats
