"""Bundles of any size and any number of labels, made without training: a chain of products with random weights."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import isqrt
from pathlib import Path

import numpy as np
import onnx
from layers_pipeline import PIPELINE, LayersPipeline
from onnx import TensorProto, helper, numpy_helper
from pipit.bundle import Bundle, Manifest, run_once, write_bundle, write_golden
from pipit.inputs import Landmarks
from pipit.runtimes import load_runtime

FEATURES = 16
"""Numbers of an input."""
SAMPLE = np.linspace(-1.0, 1.0, FEATURES, dtype=np.float32)


@dataclass(frozen=True)
class Layers:
    """A bundle, and the score of each label for SAMPLE."""

    bundle: Bundle
    scores: dict[str, float]


def layers_bundle(folder: Path, task: str, labels: int = 2, megabytes: float = 0.01) -> Layers:
    """Makes a bundle of `task` in `folder`. megabytes: of the weights, nearly all of them in one square layer."""
    width = max(FEATURES, isqrt(int(megabytes * 1e6 / 4)))
    names = tuple(f"label_{position:04d}" for position in range(labels))
    sizes = (FEATURES, width, width, labels)
    random = np.random.default_rng(18)
    weights = [random.normal(0.0, rows**-0.5, (rows, columns)).astype(np.float32) for rows, columns in pairwise(sizes)]
    values = ["x", "first", "second", "logits"]
    nodes = [
        helper.make_node("MatMul", [values[layer], f"w{layer}"], [values[layer + 1]]) for layer in range(len(weights))
    ]
    graph = helper.make_graph(
        [*nodes, helper.make_node("Softmax", ["logits"], ["scores"])],
        "layers",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", FEATURES])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", labels])],
        [numpy_helper.from_array(values, f"w{layer}") for layer, values in enumerate(weights)],
    )
    folder.mkdir(parents=True)
    file, golden = folder / "layers.onnx", folder / "golden.npz"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(file))
    manifest = Manifest.model_validate(
        {
            "task": task,
            "version": "1.0.0",
            "model_type": "layers",
            "created_at": "2026-11-29T00:00:00+00:00",
            "labels": names,
            "input": {"kind": "landmarks", "shape": (FEATURES,)},
            "pipeline": {"name": PIPELINE},
            "variants": [{"name": "float32", "runtime": "onnx", "file": file.name}],
            "default_variant": "float32",
            "golden": {"tolerance": {"float32": 1e-4}},
            "lineage": {
                **dict.fromkeys(("dataset_digest", "config_digest"), "0" * 64),
                **{"split_rule": "none", "code_version": "0", "seed": 18},
            },
            "files": {},
        }
    )
    item = Landmarks(SAMPLE)
    answer = run_once(item, names, LayersPipeline(manifest), load_runtime(file, "onnx"))
    write_golden(golden, [item], {"float32": [answer]})
    bundle = write_bundle(folder / "bundle", manifest, {file.name: file, golden.name: golden})
    return Layers(bundle, dict(zip(names, np.asarray(answer)[0].tolist(), strict=True)))
