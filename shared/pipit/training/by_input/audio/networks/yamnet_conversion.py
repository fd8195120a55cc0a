"""YAMNet without its front end: from the published LiteRT file to an ONNX network that starts at the log-mel patch.

The published file holds the front end (rounded to 8 bits) and the network (8-bit weights) in one. Pipit's own front
end is exact, so only the network is taken over, weight by weight; the 8-bit weights stay 8-bit and are turned back
into floats inside the graph.

Source of the network: https://github.com/tensorflow/models/tree/master/research/audioset/yamnet (Apache-2.0).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from pipit.errors import InvalidInput

_OPSET = 13
_IR_VERSION = 8


def convert_yamnet(tflite: Path, target: Path) -> None:
    """Writes `target`: input (n, 1, 96, 64) float32, outputs `embedding` (n, 1024) and `scores` (n, 521).

    Raises InvalidInput if `tflite` is not YAMNet.
    """
    graph = _GraphBuilder(_Weights(tflite)).build()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="pipit")
    model.ir_version = _IR_VERSION
    onnx.checker.check_model(model)
    partial = target.with_name(target.name + ".part")
    partial.write_bytes(model.SerializeToString())
    partial.replace(target)


class _Weights:
    """Operators and tensors of the LiteRT file."""

    def __init__(self, tflite: Path) -> None:
        self._interpreter = Interpreter(str(tflite))
        self._interpreter.allocate_tensors()
        self._details = {detail["index"]: detail for detail in self._interpreter.get_tensor_details()}
        self.operators = self._interpreter._get_ops_details()  # this API has no public way to the graph
        # A weight that is widened before use: the 8-bit original is behind the DEQUANTIZE.
        self._originals = {
            int(operator["outputs"][0]): int(operator["inputs"][0])
            for operator in self.operators
            if operator["op_name"] == "DEQUANTIZE"
        }

    def shape(self, index: int) -> tuple[int, ...]:
        return tuple(int(size) for size in self._details[int(index)]["shape"])

    def value(self, index: int) -> tuple[NDArray[Any], float | None]:
        """The stored array, and the scale of one step where it is 8-bit."""
        index = self._originals.get(int(index), int(index))
        array: NDArray[Any] = self._interpreter.get_tensor(index)
        scales = self._details[index]["quantization_parameters"]["scales"]
        return array, float(scales[0]) if array.dtype == np.int8 else None


class _GraphBuilder:
    """Walks the operators from the first convolution on, and writes each one's counterpart."""

    def __init__(self, weights: _Weights) -> None:
        self._weights = weights
        self._nodes: list[Any] = []
        self._initializers: list[Any] = []
        self._names = 0

    def build(self) -> Any:
        value = "input"
        layers = 0
        for operator in self._weights.operators:
            if operator["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D"):
                value = self._convolution(operator, value)
                layers += 1
        if layers != 27:
            raise InvalidInput(f"this is not YAMNet: it has {layers} convolutions, YAMNet has 27")
        pooled = self._node("GlobalAveragePool", [value])
        self._node("Flatten", [pooled], output="embedding", axis=1)
        dense = [operator for operator in self._weights.operators if operator["op_name"] == "FULLY_CONNECTED"][-1]
        kernel = self._constant(dense["inputs"][1])
        bias = self._constant(dense["inputs"][2])
        logits = self._node("Gemm", ["embedding", kernel, bias], transB=1)
        self._node("Sigmoid", [logits], output="scores")
        return helper.make_graph(
            self._nodes,
            "yamnet",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 1, 96, 64])],
            [
                helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 1024]),
                helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 521]),
            ],
            self._initializers,
        )

    def _convolution(self, operator: Any, value: str) -> str:
        source, kernel, bias = (int(index) for index in operator["inputs"])
        before, after = self._weights.shape(source), self._weights.shape(int(operator["outputs"][0]))
        stride = -(-before[1] // after[1])
        # LiteRT: (out, height, width, in), depthwise (1, height, width, out). ONNX: (out, in, height, width).
        depthwise = operator["op_name"] == "DEPTHWISE_CONV_2D"
        order = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
        shape = self._weights.shape(kernel)
        weighted = self._node(
            "Conv",
            [value, self._constant(kernel, order), self._constant(bias)],
            auto_pad="SAME_UPPER",
            group=shape[3] if depthwise else 1,
            kernel_shape=[shape[1], shape[2]],
            strides=[stride, stride],
        )
        return self._node("Relu", [weighted])

    def _constant(self, index: int, order: tuple[int, ...] | None = None) -> str:
        array, scale = self._weights.value(index)
        stored = self._store(np.ascontiguousarray(array.transpose(order) if order else array))
        if scale is None:
            return stored
        step, zero = self._store(np.array(scale, np.float32)), self._store(np.array(0, np.int8))
        return self._node("DequantizeLinear", [stored, step, zero])

    def _store(self, array: NDArray[Any]) -> str:
        name = self._name("w")
        self._initializers.append(numpy_helper.from_array(array, name))
        return name

    def _node(self, kind: str, inputs: list[str], output: str | None = None, **attributes: Any) -> str:
        output = output or self._name("v")
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _name(self, letter: str) -> str:
        self._names += 1
        return f"{letter}{self._names}"
