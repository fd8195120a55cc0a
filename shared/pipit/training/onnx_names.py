"""Names within an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping

import onnx


def rename(model: onnx.ModelProto, names: Mapping[str, str]) -> None:
    """Gives values of the graph, inputs and outputs among them, the names that others know them by."""
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        value.name = names.get(value.name, value.name)
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = names.get(name, name)
        for place, name in enumerate(node.output):
            node.output[place] = names.get(name, name)
