"""ONNX graphs from nothing, and around networks that are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, compose, helper, numpy_helper
from pipit.errors import InvalidInput
from pipit.faces.embedding import INPUT, OUTPUT
from pipit.training.onnx_names import rename

OPSET = 13
IR_VERSION = 8
"""As Pipit's other conversions: what ONNX Runtime on a device has long known."""


class GraphBuilder:
    """Nodes and constants in order; a node's output gets a name of its own."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, values: NDArray[Any]) -> str:
        """Gives its name."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def add(self, operator: str, inputs: Sequence[str], output: str | None = None, **attributes: Any) -> str:
        """Gives the name of the node's output."""
        name = output or f"value_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def model(
        self, takes: Sequence[int | None], gives: Sequence[int | None], like: onnx.ModelProto | None = None
    ) -> onnx.ModelProto:
        """From INPUT to OUTPUT of `pipit.faces.embedding`, of these shapes behind an open batch axis.

        like: a network to be joined with, whose versions of ONNX it takes.
        """
        graph = helper.make_graph(
            self._nodes,
            self._name,
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", *takes])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", *gives])],
            self._constants,
        )
        opsets = like.opset_import if like else [helper.make_opsetid("", OPSET)]
        model: onnx.ModelProto = helper.make_model(graph, opset_imports=opsets, producer_name="pipit")
        model.ir_version = like.ir_version if like else IR_VERSION
        onnx.checker.check_model(model)
        return model


def sized(value: onnx.ValueInfoProto) -> tuple[int | None, ...]:
    """The sizes of a tensor; None where any will do."""
    return tuple(size.dim_value if size.HasField("dim_value") else None for size in value.type.tensor_type.shape.dim)


def between(first: onnx.ModelProto, second: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """`second` behind `first`: the only output of the one is the only input of the other."""
    joined: onnx.ModelProto = compose.merge_models(
        compose.add_prefix(first, f"{name}_before/"),
        compose.add_prefix(second, f"{name}_behind/"),
        [(f"{name}_before/{first.graph.output[0].name}", f"{name}_behind/{second.graph.input[0].name}")],
    )
    return joined


def with_mirror(model: onnx.ModelProto) -> onnx.ModelProto:
    """The network that adds what `model` says of a face and of its mirror image. INPUT and OUTPUT keep their names.

    Raises InvalidInput where the batch axis is not open: both go through the network at once.
    """
    (takes,), (gives,) = model.graph.input, model.graph.output
    sizes, dimensions = sized(takes)[1:], sized(gives)[1:]
    if sized(takes)[0] is not None:
        raise InvalidInput(
            "a network with a batch axis of one face can't see its mirror image too; use `flipped: false`"
        )
    twofold = GraphBuilder("twofold")
    ends = [twofold.constant(np.array([value], np.int64)) for value in (-1, np.iinfo(np.int64).min, 3, -1)]
    mirrored = twofold.add("Slice", [INPUT, *ends])
    twofold.add("Concat", [INPUT, mirrored], output=OUTPUT, axis=0)
    added = GraphBuilder("added")
    halves = added.add("Reshape", [INPUT, added.constant(np.array([2, -1, dimensions[0] or 0], np.int64))])
    one, other = (added.add("Gather", [halves, added.constant(np.array(half, np.int64))], axis=0) for half in (0, 1))
    added.add("Add", [one, other], output=OUTPUT)
    before = twofold.model(sizes, sizes, like=model)
    behind = added.model(dimensions, dimensions, like=model)
    joined = between(between(before, model, "mirror"), behind, "sum")
    rename(joined, {joined.graph.input[0].name: INPUT, joined.graph.output[0].name: OUTPUT})
    onnx.checker.check_model(joined)
    return joined


def with_centre(model: onnx.ModelProto, centre: Sequence[float]) -> onnx.ModelProto:
    """The network whose vectors, of length 1, have `centre` taken off: where faces lie on average in its space."""
    dimensions = sized(model.graph.output[0])[1:]
    centred = GraphBuilder("centred")
    unit = centred.add("LpNormalization", [INPUT], axis=1, p=2)
    centred.add("Sub", [unit, centred.constant(np.array(centre, np.float32))], output=OUTPUT)
    joined = between(model, centred.model(dimensions, dimensions, like=model), "centre")
    rename(joined, {joined.graph.input[0].name: INPUT, joined.graph.output[0].name: OUTPUT})
    onnx.checker.check_model(joined)
    return joined
