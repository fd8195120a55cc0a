"""Small real networks in both formats, made by the tools that make the big ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

WEIGHTS = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]], np.float32)
"""Of the networks called `linear`: scores = x @ WEIGHTS + BIAS."""
BIAS = np.array([0.5, 0.0, -0.5], np.float32)


@pytest.fixture(scope="session")
def linear() -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """What the networks called `linear` compute. x: (rows, 2) -> (rows, 3)."""
    return lambda x: x @ WEIGHTS + BIAS


@pytest.fixture(scope="session")
def litert_models(tmp_path_factory) -> Path:
    """Folder: linear, linear_int8, linear_uint8, two_ports, any_size, in_fours, heavy, fixed_batch, each `.tflite`."""
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("litert")

    def save(name: str, function, *signature, samples=None, integers=None) -> None:
        module = tf.Module()
        concrete = tf.function(function, input_signature=signature).get_concrete_function()
        tf.saved_model.save(module, folder / "saved" / name, signatures=concrete)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved" / name))
        if samples is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([row[np.newaxis]] for row in samples)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = integers
        (folder / f"{name}.tflite").write_bytes(converter.convert())

    def linear(x):
        return {"scores": tf.matmul(x, WEIGHTS) + BIAS}

    def two_ports(first, second):
        return {"sum": first + second, "product": tf.reduce_prod(first, axis=1, keepdims=True)}

    def any_size(x):
        return {"maximum": tf.reduce_max(tf.nn.max_pool2d(x, 2, 2, "VALID"), axis=[1, 2])}

    def in_fours(x):
        return {"maximum": tf.reduce_max(tf.reshape(x, [1, -1, 4]), axis=[1, 2])}

    kernels = np.random.default_rng(0).normal(0, 0.05, (6, 3, 3, 64, 64)).astype(np.float32)

    def heavy(x):
        for kernel in kernels:
            x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME"))
        return {"mean": tf.reduce_mean(x, axis=[1, 2])}

    spec = tf.TensorSpec
    # All of the square, its corners included: what is outside the calibrated range is clipped.
    samples = np.stack(np.meshgrid(*[np.linspace(-1, 1, 11, dtype=np.float32)] * 2), axis=-1).reshape(-1, 2)
    save("linear", linear, spec([None, 2], tf.float32, "x"))
    save("linear_int8", linear, spec([1, 2], tf.float32, "x"), samples=samples, integers=tf.int8)
    save("linear_uint8", linear, spec([1, 2], tf.float32, "x"), samples=samples, integers=tf.uint8)
    save("two_ports", two_ports, spec([1, 3], tf.float32, "first"), spec([1, 1], tf.float32, "second"))
    save("any_size", any_size, spec([1, None, None, 1], tf.float32, "x"))
    save("in_fours", in_fours, spec([1, None], tf.float32, "x"))
    save("heavy", heavy, spec([1, 160, 160, 64], tf.float32, "x"))
    save("fixed_batch", linear, spec([4, 2], tf.float32, "x"))
    return folder


@pytest.fixture(scope="session")
def onnx_models(tmp_path_factory) -> Path:
    """Folder: the float ones of `litert_models` and linear_one_row, no_row_axis, text, each `.onnx`."""
    folder = tmp_path_factory.mktemp("onnx")

    def save(name: str, nodes, inputs, outputs, constants=()) -> None:
        initializers = [onnx.numpy_helper.from_array(np.asarray(value), label) for label, value in constants]
        graph = helper.make_graph(
            nodes,
            name,
            [helper.make_tensor_value_info(*port) for port in inputs],
            [helper.make_tensor_value_info(*port) for port in outputs],
            initializers,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        onnx.checker.check_model(model, full_check=True)
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())

    real, whole, text = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
    node = helper.make_node
    constants = [("weights", WEIGHTS), ("bias", BIAS)]
    for name, rows in (("linear", "n"), ("linear_one_row", 1), ("fixed_batch", 4)):
        save(
            name,
            [node("Gemm", ["x", "weights", "bias"], ["scores"])],
            [("x", real, [rows, 2])],
            [("scores", real, [rows, 3])],
            constants,
        )
    save(
        "two_ports",
        [node("Add", ["first", "second"], ["sum"]), node("ReduceProd", ["first", "axes"], ["product"])],
        [("first", whole, ["n", 3]), ("second", whole, ["n", 1])],
        [("sum", whole, ["n", 3]), ("product", whole, ["n", 1])],
        [("axes", np.array([1]))],
    )
    save(
        "any_size",
        [
            node("MaxPool", ["x"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
            node("ReduceMax", ["pooled", "axes"], ["maximum"], keepdims=0),
        ],
        [("x", real, ["n", 1, "height", "width"])],
        [("maximum", real, ["n", 1])],
        [("axes", np.array([2, 3]))],
    )
    save(
        "in_fours",
        [
            node("Reshape", ["x", "shape"], ["fours"]),
            node("ReduceMax", ["fours", "axes"], ["maximum"], keepdims=0),
        ],
        [("x", real, ["n", "length"])],
        [("maximum", real, ["n"])],
        [("shape", np.array([0, -1, 4])), ("axes", np.array([1, 2]))],
    )
    kernels = np.random.default_rng(0).normal(0, 0.05, (6, 64, 64, 3, 3)).astype(np.float32)
    save(
        "heavy",
        [
            *[node("Conv", [f"x{i}" if i else "x", f"kernel{i}"], [f"x{i + 1}"], pads=[1] * 4) for i in range(6)],
            node("GlobalAveragePool", ["x6"], ["mean"]),
        ],
        [("x", real, ["n", 64, 160, 160])],
        [("mean", real, ["n", 64, 1, 1])],
        [(f"kernel{i}", kernel) for i, kernel in enumerate(kernels)],
    )
    save(
        "no_row_axis",
        [node("ReduceSum", ["x"], ["total"], keepdims=0)],
        [("x", real, ["n", 2])],
        [("total", real, [])],
    )
    save("text", [node("Identity", ["x"], ["y"])], [("x", text, ["n"])], [("y", text, ["n"])])
    return folder


@pytest.fixture(scope="session")
def model_file(litert_models, onnx_models) -> Callable[[str, str], Path]:
    """model_file(name, runtime) -> path."""
    return lambda name, runtime: (
        litert_models / f"{name}.tflite" if runtime == "litert" else onnx_models / f"{name}.onnx"
    )
