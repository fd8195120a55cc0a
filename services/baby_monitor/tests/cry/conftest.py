"""Synthetic cries, a network that stands in for YAMNet, and manifests for the pipeline."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
from baby_monitor.cry.synthetic import RATE, room, write_synthetic_set
from onnx import TensorProto, helper, numpy_helper
from pipit.bundle.manifest import Manifest
from pipit.runtimes import Runtime, load_runtime
from pipit.training.by_input.audio.networks.yamnet_file import FILE

LABELS = ("no_cry", "hungry", "pain")
EPISODES = {"enter": 0.5, "exit": 0.3, "hits": 2, "answer_after": 4}
WINDOW, HOP = 2.0, 1.0


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data sets: synthetic cries, recordings of noise, and in YAMNet's place a network of a few numbers."""
    folder = tmp_path_factory.mktemp("data")
    write_synthetic_set(folder / "synthetic_cry")
    (folder / "quiet").mkdir()
    for number in range(8):
        soundfile.write(folder / "quiet" / f"room{number}.wav", room(6.0, number), RATE)
    (folder / FILE).parent.mkdir()
    write_gate(folder / FILE)
    return folder


def write_gate(path: Path) -> None:
    """Patches (n, 1, 96, 64) to `embedding` (n, 1024) and `scores` (n, 521), as YAMNet's file gives them.

    The embedding begins with the mean of each band; class 20 is heard where one band stands out, as of a voice.
    """
    spread = np.zeros((64, 1024), np.float32)
    spread[:, :64] = np.eye(64)
    chosen = np.zeros((1, 521), np.float32)
    chosen[0, 20] = 1.0
    stored = {
        "spread": spread,
        "chosen": chosen,
        "steepness": np.array(4.0, np.float32),
        "enough": np.array(1.5, np.float32),
        "axes": np.array([1, 2], np.int64),
        "bands": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("ReduceMean", ["input", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "spread"], ["embedding"]),
        helper.make_node("ReduceMax", ["means", "bands"], ["loudest"], keepdims=1),
        helper.make_node("ReduceMean", ["means", "bands"], ["usual"], keepdims=1),
        helper.make_node("Sub", ["loudest", "usual"], ["above"]),
        helper.make_node("Sub", ["above", "enough"], ["over"]),
        helper.make_node("Mul", ["over", "steepness"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["score"]),
        helper.make_node("MatMul", ["score", "chosen"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "gate",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 1, 96, 64])],
        [
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 1024]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 521]),
        ],
        [numpy_helper.from_array(values, name) for name, values in stored.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    onnx.checker.check_model(model)
    onnx.save(model, path)


@pytest.fixture(scope="session")
def gate(data: Path) -> Iterator[Runtime]:
    runtime = load_runtime(data / FILE, "onnx")
    yield runtime
    runtime.close()


@pytest.fixture(scope="session")
def make_manifest() -> Callable[..., Manifest]:
    """Of a bundle with a gate; only what the pipeline looks at means anything."""

    def make(labels: tuple[str, ...] = LABELS, **parameters: object) -> Manifest:
        digest = hashlib.sha256(b"").hexdigest()
        window = {"front_end": "yamnet", "window_seconds": WINDOW, "hop_seconds": HOP}
        return Manifest.model_validate(
            {
                "task": "baby_monitor.cry",
                "version": "1.0.0",
                "model_type": "yamnet",
                "created_at": "2026-01-01T00:00:00Z",
                "labels": labels,
                "input": {"kind": "audio"},
                "pipeline": {
                    "name": "baby_monitor.cry",
                    "parameters": {**window, "takes": "embedding", "episodes": EPISODES, **parameters},
                },
                "variants": [{"name": "float32", "runtime": "onnx", "file": "float32.onnx"}],
                "default_variant": "float32",
                "networks": {"yamnet": {"runtime": "onnx", "file": "yamnet.onnx"}},
                "decision": {"background": "no_cry", "unknown_below": 0.6, "thresholds": {"hungry": 0.7, "pain": 0.9}},
                "golden": {"tolerance": {"float32": 0.001}},
                "lineage": {
                    "dataset_digest": digest,
                    "split_rule": "",
                    "config_digest": digest,
                    "code_version": "",
                    "seed": 1,
                },
                "files": {},
            }
        )

    return make
