from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from pipit.errors import InvalidInput
from pipit.inputs.audio import YAMNET
from pipit.runtimes import TensorSpec, load_runtime


def by_hand(path, x):
    """One row through a fully quantised network, integers in and out."""
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    (before,), (after,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero = before["quantization"]
    limits = np.iinfo(before["dtype"])
    integers = np.clip(np.rint(x / np.float32(scale)) + zero, limits.min, limits.max).astype(before["dtype"])
    interpreter.set_tensor(before["index"], integers)
    interpreter.invoke()
    scale, zero = after["quantization"]
    return (interpreter.get_tensor(after["index"]).astype(np.float32) - zero) * np.float32(scale)


@pytest.mark.parametrize("integers", ["int8", "uint8"])
def test_a_fully_quantised_network_takes_and_gives_float32(litert_models, linear, integers):
    path = litert_models / f"linear_{integers}.tflite"
    network = load_runtime(path, "litert")
    assert network.inputs == (TensorSpec("x", (2,), "float32"),)
    assert network.outputs == (TensorSpec("scores", (3,), "float32"),)
    x = np.random.default_rng(5).uniform(-1, 1, (50, 2)).astype(np.float32)
    scores = network.run({"x": x})["scores"]
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(scores, np.concatenate([by_hand(path, row[np.newaxis]) for row in x]))
    # 8 bits for about -4.5 to 4.5 are steps of 0.035; input, weights and output round.
    assert np.abs(scores - linear(x)).max() < 0.08
    network.close()


def test_what_lies_outside_the_calibrated_range_is_clipped(litert_models):
    network = load_runtime(litert_models / "linear_int8.tflite", "litert")
    largest = network.run({"x": np.array([[1.0, 1.0]], np.float32)})["scores"]
    beyond = network.run({"x": np.array([[50.0, np.inf]], np.float32)})["scores"]
    assert np.abs(beyond - largest).max() < 0.08
    with pytest.raises(InvalidInput, match="NaN"):
        network.run({"x": np.array([[0.0, np.nan]], np.float32)})
    network.close()


def test_float_networks_pass_nan_on(litert_models):
    network = load_runtime(litert_models / "linear.tflite", "litert")
    assert np.isnan(network.run({"x": np.array([[0.0, np.nan]], np.float32)})["scores"]).all()
    network.close()


@pytest.mark.data
def test_outputs_without_a_batch_axis_get_one_per_row(data_folder):
    """YAMNet's second output is (96, 64), its first (1, 521)."""
    network = load_runtime(data_folder / "backbones/yamnet.tflite", "litert", threads=2)
    assert [spec.shape for spec in network.inputs] == [(15_600,)]
    assert [spec.shape for spec in network.outputs] == [(521,), (96, 64)]
    waveforms = np.random.default_rng(6).normal(0, 0.1, (2, 15_600)).astype(np.float32)
    both = network.run({network.inputs[0].name: waveforms})
    second = network.run({network.inputs[0].name: waveforms[1:]})
    features = network.outputs[1].name
    assert both[features].shape == (2, YAMNET.frames(15_600), YAMNET.bands)
    np.testing.assert_array_equal(both[features][1], second[features][0])
    network.close()
