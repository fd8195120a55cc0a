"""Grey levels as an embedding, with no weights: the trivial baseline, and enough for faces that a formula draws."""

from __future__ import annotations

import numpy as np
import onnx
from pipit.faces.embedding import INPUT, OUTPUT

from home_security.faces.graph import GraphBuilder

SIZE, ROWS, COLUMNS = 112, 16, 8
DIMENSIONS = ROWS * COLUMNS
_LUMA = (0.299, 0.587, 0.114)
_LEAST_DEVIATION = 1e-3


def make_pixels() -> onnx.ModelProto:
    """A chip of 112 x 112 as 16 x 8 grey levels, whose mean is taken off and whose deviation becomes 1."""
    graph = GraphBuilder("pixels")
    down, across = SIZE // ROWS, SIZE // COLUMNS
    kernel = np.empty((1, 3, down, across), np.float32)
    kernel[:] = np.array(_LUMA, np.float32)[:, np.newaxis, np.newaxis] / (down * across)
    grey = graph.add(
        "Conv", [INPUT, graph.constant(kernel)], kernel_shape=[down, across], strides=[down, across], pads=[0] * 4
    )
    cells = graph.add("Flatten", [grey], axis=1)
    centred = graph.add("Sub", [cells, graph.add("ReduceMean", [cells], axes=[1], keepdims=1)])
    variance = graph.add("ReduceMean", [graph.add("Mul", [centred, centred])], axes=[1], keepdims=1)
    least = graph.constant(np.array(_LEAST_DEVIATION, np.float32))
    graph.add("Div", [centred, graph.add("Max", [graph.add("Sqrt", [variance]), least])], output=OUTPUT)
    return graph.model((3, SIZE, SIZE), (DIMENSIONS,))
