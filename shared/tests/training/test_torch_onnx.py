from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from pipit.errors import InvalidInput
from pipit.runtimes import load_runtime
from pipit.training.torch_fit import outputs_of, seed_everything
from pipit.training.torch_onnx import export_onnx
from torch import Tensor, nn

pytestmark = pytest.mark.slow


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 32, 2, batch_first=True)
        self.last = nn.Linear(32, 2)

    def forward(self, sequence: Tensor) -> Tensor:
        return self.last(self.lstm(sequence)[0][:, -1])


class Convolutional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(6, 16, 3, padding=2, dilation=2)
        self.norm = nn.BatchNorm1d(16)
        self.last = nn.Linear(16, 2)

    def forward(self, sequence: Tensor) -> Tensor:
        return self.last(torch.relu(self.norm(self.convolution(sequence.transpose(1, 2)))).mean(dim=-1))


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(60, 2)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.last(torch.cat([left, 2.0 * right], dim=1))


@pytest.mark.parametrize("make", [Recurrent, Convolutional])
@pytest.mark.parametrize(("variant", "tolerance"), [("float32", 1e-5), ("int8", 0.02)])
def test_a_network_answers_alike_in_the_runtime_for_any_number_of_rows(
    make: type[nn.Module], variant: str, tolerance: float, tmp_path: Path
) -> None:
    seed_everything(1)
    network = make()
    rows = np.random.default_rng(1).normal(size=(5, 20, 6)).astype(np.float32)
    path = tmp_path / f"{variant}.onnx"
    export_onnx(network, variant, path, {"sequence": rows[0]})
    runtime = load_runtime(path, "onnx")
    try:
        assert runtime.batches
        assert [(spec.name, spec.shape) for spec in runtime.inputs] == [("sequence", (20, 6))]
        expected = outputs_of(network, {"sequence": rows})
        for count in (1, 2, 5):
            found = runtime.run({"sequence": rows[:count]})["logits"]
            np.testing.assert_allclose(found, expected[:count], atol=tolerance)
    finally:
        runtime.close()


def test_rows_of_any_length_where_the_network_takes_them(tmp_path: Path) -> None:
    network = Convolutional().eval()
    path = tmp_path / "any.onnx"
    export_onnx(network, "float32", path, {"sequence": np.zeros((20, 6), np.float32)}, any_length=True)
    runtime = load_runtime(path, "onnx")
    try:
        for length in (20, 33):
            rows = np.random.default_rng(length).normal(size=(3, length, 6)).astype(np.float32)
            (found,) = runtime.run({"sequence": rows}).values()
            np.testing.assert_allclose(found, outputs_of(network, {"sequence": rows}), atol=1e-5)
    finally:
        runtime.close()


def test_inputs_keep_their_names_and_their_order(tmp_path: Path) -> None:
    network = TwoInputs()
    generator = np.random.default_rng(1)
    rows = {name: generator.normal(size=(3, 30)).astype(np.float32) for name in ("left", "right")}
    export_onnx(network, "float32", tmp_path / "a.onnx", {name: values[0] for name, values in rows.items()}, "scores")
    runtime = load_runtime(tmp_path / "a.onnx", "onnx")
    np.testing.assert_allclose(runtime.run(rows)["scores"], outputs_of(network, rows), atol=1e-6)
    runtime.close()


def test_int8_holds_8_bit_weights_and_leaves_convolutions_alone(tmp_path: Path) -> None:
    row = {"sequence": np.zeros((20, 6), np.float32)}
    for make in (Recurrent, Convolutional):
        for variant in ("float32", "int8"):
            export_onnx(make(), variant, tmp_path / f"{make.__name__}.{variant}.onnx", row)
    kinds = {path.name: {node.op_type for node in onnx.load(path).graph.node} for path in tmp_path.glob("*.onnx")}
    assert "DynamicQuantizeLSTM" in kinds["Recurrent.int8.onnx"]
    assert "MatMulInteger" in kinds["Recurrent.int8.onnx"]
    assert "Conv" in kinds["Convolutional.int8.onnx"]
    assert "LSTM" in kinds["Recurrent.float32.onnx"]
    sizes = [(tmp_path / f"Recurrent.{variant}.onnx").stat().st_size for variant in ("float32", "int8")]
    assert sizes[1] < 0.6 * sizes[0]


def test_with_training_rows_int8_holds_convolutions_in_8_bits_too(tmp_path: Path) -> None:
    seed_everything(1)
    network = Convolutional()
    rows = np.random.default_rng(1).normal(size=(64, 20, 6)).astype(np.float32)
    path = tmp_path / "int8.onnx"
    export_onnx(network, "int8", path, {"sequence": rows[0]}, calibration={"sequence": rows[:32]})
    model = onnx.load(path)
    names = {output: node for node in model.graph.node for output in node.output}
    (convolution,) = (node for node in model.graph.node if node.op_type == "Conv")
    assert [names[name].op_type for name in convolution.input[:2]] == ["DequantizeLinear"] * 2
    runtime = load_runtime(path, "onnx")
    found = runtime.run({"sequence": rows[32:]})["logits"]
    runtime.close()
    expected = outputs_of(network, {"sequence": rows[32:]})
    assert 0.0 < np.abs(found - expected).max() < 0.05
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)


def test_the_same_network_gives_the_same_bytes_and_tells_nothing_of_the_machine(tmp_path: Path) -> None:
    seed_everything(1)
    network = Convolutional()
    row = {"sequence": np.zeros((20, 6), np.float32)}
    for name in ("a", "b"):
        export_onnx(network, "float32", tmp_path / name, row)
    content = (tmp_path / "a").read_bytes()
    assert content == (tmp_path / "b").read_bytes()
    assert Path(__file__).name.encode() not in content
    model = onnx.load(tmp_path / "a")
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)


def test_an_unknown_variant_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no variant 'int4'; there are float32, int8"):
        export_onnx(Recurrent(), "int4", tmp_path / "a.onnx", {"sequence": np.zeros((20, 6), np.float32)})
