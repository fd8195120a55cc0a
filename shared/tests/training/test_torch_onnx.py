from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Exported:
    """A network, and the file of each variant."""

    network: nn.Module
    files: dict[str, Path]

    def kinds(self, variant: str) -> set[str]:
        """Of the nodes."""
        return {node.op_type for node in onnx.load(self.files[variant]).graph.node}

    def size(self, variant: str) -> int:
        return self.files[variant].stat().st_size


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[type[nn.Module], Exported]:
    """Networks of two kinds with random weights, each in both variants."""
    seed_everything(1)
    folder = tmp_path_factory.mktemp("exported")
    found = {}
    for make in (Recurrent, Convolutional):
        files = {variant: folder / f"{make.__name__}.{variant}.onnx" for variant in ("float32", "int8")}
        found[make] = Exported(make(), files)
        export_onnx(found[make].network, files, {"sequence": np.zeros((20, 6), np.float32)})
    return found


@pytest.mark.parametrize("make", [Recurrent, Convolutional])
@pytest.mark.parametrize(("variant", "tolerance"), [("float32", 1e-5), ("int8", 0.05)])
def test_a_network_answers_alike_in_the_runtime_for_any_number_of_rows(
    both: dict[type[nn.Module], Exported], make: type[nn.Module], variant: str, tolerance: float
) -> None:
    network = both[make].network
    rows = np.random.default_rng(1).normal(size=(5, 20, 6)).astype(np.float32)
    runtime = load_runtime(both[make].files[variant], "onnx")
    try:
        assert runtime.batches
        assert [(spec.name, spec.shape) for spec in runtime.inputs] == [("sequence", (20, 6))]
        expected = outputs_of(network, {"sequence": rows})
        for count in (1, 2, 5):
            found = runtime.run({"sequence": rows[:count]})["logits"]
            # int8 is off by 0.001, and by 0.026 where an x86 processor adds products in 16 bits.
            np.testing.assert_allclose(found, expected[:count], atol=tolerance)
    finally:
        runtime.close()


def test_rows_of_any_length_where_the_network_takes_them(tmp_path: Path) -> None:
    network = Convolutional().eval()
    path = tmp_path / "any.onnx"
    export_onnx(network, {"float32": path}, {"sequence": np.zeros((20, 6), np.float32)}, any_length=True)
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
    row = {name: values[0] for name, values in rows.items()}
    export_onnx(network, {"float32": tmp_path / "a.onnx"}, row, "scores")
    runtime = load_runtime(tmp_path / "a.onnx", "onnx")
    np.testing.assert_allclose(runtime.run(rows)["scores"], outputs_of(network, rows), atol=1e-6)
    runtime.close()


def test_int8_holds_8_bit_weights_and_leaves_convolutions_alone(both: dict[type[nn.Module], Exported]) -> None:
    assert {"DynamicQuantizeLSTM", "MatMulInteger"} <= both[Recurrent].kinds("int8")
    assert "LSTM" in both[Recurrent].kinds("float32")
    assert "Conv" in both[Convolutional].kinds("int8")
    assert both[Recurrent].size("int8") < 0.6 * both[Recurrent].size("float32")


def test_with_training_rows_int8_holds_convolutions_in_8_bits_too(tmp_path: Path) -> None:
    seed_everything(1)
    network = Convolutional()
    rows = np.random.default_rng(1).normal(size=(64, 20, 6)).astype(np.float32)
    path = tmp_path / "int8.onnx"
    export_onnx(network, {"int8": path}, {"sequence": rows[0]}, calibration={"sequence": rows[:32]})
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
        export_onnx(network, {"float32": tmp_path / name}, row)
    content = (tmp_path / "a").read_bytes()
    assert content == (tmp_path / "b").read_bytes()
    assert Path(__file__).name.encode() not in content
    model = onnx.load(tmp_path / "a")
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)


def test_an_unknown_variant_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no variant 'int4'; there are float32, int8"):
        export_onnx(Recurrent(), dict.fromkeys(("float32", "int4"), tmp_path / "a"), {"sequence": np.zeros((20, 6))})
    assert not list(tmp_path.iterdir())
