from __future__ import annotations

from contextlib import closing

import numpy as np
import onnxruntime
import pytest
from pipit.errors import InvalidInput
from pipit.runtimes import load_runtime


def test_a_batch_of_any_size_runs_at_once(onnx_models):
    with closing(load_runtime(onnx_models / "linear.onnx", "onnx")) as network:
        assert network.batches


def test_a_batch_axis_of_1_runs_row_by_row(onnx_models, linear):
    x = np.random.default_rng(1).normal(size=(5, 2)).astype(np.float32)
    with closing(load_runtime(onnx_models / "linear_one_row.onnx", "onnx")) as network:
        assert not network.batches
        assert network.inputs[0].shape == (2,)
        np.testing.assert_allclose(network.run({"x": x})["scores"], linear(x), rtol=1e-6, atol=1e-6)


def test_refuses_an_answer_that_is_not_one_per_row(onnx_models):
    with (
        closing(load_runtime(onnx_models / "no_row_axis.onnx", "onnx")) as network,
        pytest.raises(InvalidInput, match=r"output 'total' has the shape \(\) for 2 rows"),
    ):
        network.run({"x": np.ones((2, 2), np.float32)})


def test_threads_of_a_run_sleep_while_they_wait(onnx_models, monkeypatch):
    """Else they take the cores that other callers' runs need."""
    made = []
    session = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime, "InferenceSession", lambda *given, **named: made.append(session(*given, **named)) or made[-1]
    )
    with closing(load_runtime(onnx_models / "linear.onnx", "onnx", threads=2)):
        (options,) = (one.get_session_options() for one in made)
        assert options.intra_op_num_threads == 2
        assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_refuses_types_that_are_no_numbers(onnx_models):
    with pytest.raises(InvalidInput, match=r"'x' of text\.onnx is tensor\(string\)"):
        load_runtime(onnx_models / "text.onnx", "onnx")


@pytest.mark.data
def test_runs_the_real_yamnet(data_folder):
    network = load_runtime(data_folder / "backbones/yamnet_logmel96x64_w8.onnx", "onnx", threads=2)
    assert {spec.name: spec.shape for spec in network.outputs} == {"embedding": (1_024,), "scores": (521,)}
    features = np.random.default_rng(1).normal(-3, 1, (3, 1, 96, 64)).astype(np.float32)
    together = network.run({"input": features})
    alone = network.run({"input": features[2:]})
    assert together["embedding"].shape == (3, 1_024)
    np.testing.assert_allclose(together["scores"][2:], alone["scores"], atol=1e-5)
