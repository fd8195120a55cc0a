"""Small bundles of real networks: good ones, and one for each way to be bad."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from pipit.bundle import Bundle, Manifest, write_bundle, write_golden
from pipit.inputs import Landmarks
from prove_pipeline import BOARD, FaultyPipeline

TASK = "load.rollout"
LABELS = ("left", "middle", "right")
BUDGET_SECONDS = 0.25
"""Far above what an answer takes, so that a busy machine looks slow to nobody."""
_CALM, _BLUNT = 2.0, 0.6
"""By what features are multiplied: the higher, the surer."""
_UNKNOWN_SHARE = 0.1
_GOLDEN = ((1.0, 0.3, -0.2, 0.9), (1.0, -1.1, 0.4, 0.2))


@dataclass(frozen=True, slots=True)
class Fault:
    """What makes a bundle bad. parameters: see `prove_pipeline`. sharpness: of scores. unknown: share of inputs."""

    parameters: dict[str, Any] = field(default_factory=dict)
    sharpness: float = _CALM
    unknown: float = _UNKNOWN_SHARE


DRIFTED, UNKNOWN = Fault(sharpness=_BLUNT), Fault(unknown=2 * _UNKNOWN_SHARE)
FAULTS = {
    "wrong arithmetic on one board": Fault({"wrong_on": "odd"}),
    "raises on 100 %": Fault({"raises": 1.0}),
    "raises on 20 %": Fault({"raises": 0.2}),
    "raises on 5 %": Fault({"raises": 0.05}),
    "slow": Fault({"slow": 0.5, "seconds": 0.4}),
    "scores drifted": DRIFTED,
    "twice as many unknown": UNKNOWN,
    "ends the process, on 10 % of inputs": Fault({"dies": 0.1}),
    "ends the process, at its 45th input": Fault({"dies_at": 45}),
}
"""What a registry can't see before devices answer with it. A damaged file is made by the scenario."""
BOARDS = {BOARD: "odd"}
"""The environment of the one server on which the arithmetic is wrong."""


def draw(random: np.random.Generator, inputs: int) -> NDArray[np.float32]:
    """What callers send, (inputs, 4)."""
    features = random.normal(size=(inputs, 3))
    return np.hstack([random.uniform(size=(inputs, 1)), features]).astype(np.float32)


def _best(sharpness: float, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    logits = sharpness * rows[:, 1:].astype(np.float64)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray((shares / shares.sum(axis=1, keepdims=True)).max(axis=1))


def _network(sharpness: float) -> bytes:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["logits"]), helper.make_node("Softmax", ["logits"], ["scores"])],
        "rollout",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 3])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", 3])],
        [numpy_helper.from_array(np.eye(3, dtype=np.float32) * np.float32(sharpness), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def make_bundle(folder: Path, version: str, fault: Fault | None = None) -> Bundle:
    """fault: None: a good one, with weights of its own all the same, as a new training has."""
    fault = fault or Fault()
    rows = draw(np.random.default_rng(7), 20_000)
    before = np.sort(_best(_CALM, rows))
    bins = [round(0.1 * end, 1) for end in range(1, 11)]
    golden = folder / f"{version}.npz"
    inputs = np.array(_GOLDEN, np.float32)
    logits = fault.sharpness * inputs[:, 1:]
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    write_golden(golden, [Landmarks(row) for row in inputs], {"float32": [row[np.newaxis] for row in scores]})
    manifest = Manifest.model_validate(
        {
            "task": TASK,
            "version": version,
            "model_type": "linear",
            "created_at": "2026-11-29T06:00:00Z",
            "labels": LABELS,
            "input": {"kind": "landmarks", "shape": (4,)},
            "pipeline": {"name": TASK, "parameters": {"made": version, **fault.parameters}},
            "variants": [{"name": "float32", "runtime": "onnx", "file": "float32.onnx"}],
            "default_variant": "float32",
            "decision": {
                "thresholds": dict.fromkeys(LABELS, 0.99),
                "unknown_below": round(float(np.quantile(_best(fault.sharpness, rows), fault.unknown)), 4),
            },
            "golden": {"tolerance": {"float32": 1e-4}},
            "expected": {
                "latency_budget_ms": BUDGET_SECONDS * 1000.0,
                "best_scores": {
                    "upper": bins,
                    "share": [round(float(np.mean(before <= end)), 4) for end in bins],
                    "samples": len(rows),
                },
            },
            "lineage": {
                "dataset_digest": "a" * 64,
                "split_rule": "none",
                "config_digest": "b" * 64,
                "code_version": "0.1.0",
                "seed": 7,
            },
            "files": {},
        }
    )
    weights = _network(fault.sharpness)
    return write_bundle(folder / f"bundle-{version}", manifest, {"float32.onnx": weights, "golden.npz": golden})


def make_site(folder: Path) -> Path:
    """A folder for PYTHONPATH in which the pipeline is an installed package."""
    package = folder / "prove_rollout-1.0.dist-info"
    package.mkdir(parents=True)
    module = FaultyPipeline.__module__
    shutil.copy(Path(__file__).with_name(f"{module}.py"), folder)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: prove-rollout\nVersion: 1.0\n")
    entry = f"[pipit.pipelines]\n{TASK} = {module}:{FaultyPipeline.__name__}\n"
    (package / "entry_points.txt").write_text(entry)
    return folder
