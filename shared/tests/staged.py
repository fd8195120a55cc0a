"""The task test.staged: a first network finds a row of numbers, the task's own says what it is.

Copied into a folder of packages by the fixture `staged`; tests reach it through that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from pipit.answers import predict, softmax
from pipit.bundle import Bundle, Manifest, write_bundle, write_golden
from pipit.bundle.manifest import Decision
from pipit.inputs import Input, Landmarks
from pipit.runtimes import Runtime
from pipit.types import Box, Decoded, Prediction, Tensors

TASK = "test.staged"
LABELS = ("low", "high")
SAMPLE = np.array([0.25, -0.5, 0.75], np.float32)
FINDS = np.diag(np.array([2.0, 1.0, 3.0], np.float32))
NAMES = np.array([[1.0, -1.0], [0.5, 0.0], [-1.0, 2.0]], np.float32)


def network(weights: NDArray[np.float32]) -> bytes:
    """y = x @ weights, as ONNX."""
    rows, columns = weights.shape
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", rows])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", columns])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def scores_of(values: NDArray[np.float32], finds: NDArray[np.float32] = FINDS) -> NDArray[np.float32]:
    """What both networks make of `values`, in numpy. Shape (1, labels)."""
    return softmax((values[np.newaxis] @ finds @ NAMES).astype(np.float32))


@dataclass(frozen=True, slots=True)
class Found(Decoded):
    """With the first network's scores, one a row."""

    region_scores: tuple[float, ...]


class StagedPipeline:
    """Landmarks go through the network `finder`, whose answer is the row for the task's own."""

    def __init__(self, manifest: Manifest, networks: Mapping[str, Runtime]) -> None:
        self.networks = networks

    def decode(self, item: Input) -> Decoded:
        assert isinstance(item, Landmarks)
        rows = self.networks["finder"].run({"x": item.values[np.newaxis]})["y"]
        return Found({"x": rows}, (Box(1, 2, 3, 4),), (float(item.values[0]),))

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        assert isinstance(decoded, Found)
        return [
            replace(predict(row, LABELS, Decision(), region), region_score=found, quality=0.0)
            for row, region, found in zip(softmax(outputs["y"]), decoded.regions, decoded.region_scores, strict=True)
        ]

    def open_stream(self) -> None:
        return None


class PlainPipeline:
    """Of a bundle without further networks: is made of the manifest alone."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest


def document(version: str = "1.0.0") -> dict[str, Any]:
    """The manifest without its files."""
    return {
        "task": TASK,
        "version": version,
        "model_type": "linear",
        "created_at": "2026-11-21T04:00:00Z",
        "labels": LABELS,
        "input": {"kind": "landmarks", "shape": (3,)},
        "pipeline": {"name": TASK},
        "variants": [{"name": "float32", "runtime": "onnx", "file": "weights/float32.onnx"}],
        "default_variant": "float32",
        "networks": {"finder": {"runtime": "onnx", "file": "networks/finder.onnx"}},
        "golden": {"tolerance": {"float32": 1e-5}},
        "lineage": {
            "dataset_digest": "a" * 64,
            "split_rule": "none",
            "config_digest": "b" * 64,
            "code_version": "0.1.0",
            "seed": 7,
        },
        "files": {},
    }


def make_bundle(folder: Path, version: str = "1.0.0", finder: bytes | None = None) -> Bundle:
    """finder: the first network, where it is not the one that the golden scores were made with."""
    folder.mkdir(parents=True, exist_ok=True)
    golden = folder / f"golden-{version}.npz"
    write_golden(golden, [Landmarks(SAMPLE)], {"float32": [scores_of(SAMPLE)]})
    files: dict[str, Path | bytes] = {
        "weights/float32.onnx": network(NAMES),
        "networks/finder.onnx": network(FINDS) if finder is None else finder,
        "golden.npz": golden,
    }
    return write_bundle(folder / version, Manifest.model_validate(document(version)), files)
