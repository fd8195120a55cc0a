"""A small manifest, the files of a bundle, and a tiny task with a real pipeline: is a clip loud or quiet?"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from pipit.bundle import Bundle, Manifest, run_once, write_bundle, write_golden
from pipit.errors import InvalidInput
from pipit.inputs import EncodedAudio, Input, PcmAudio
from pipit.runtimes.base import TensorSpec
from pipit.types import Decoded, LabelScore, Prediction, Tensors, TimeSpan

LABELS = ("quiet", "loud")
WINDOW = 400


def document() -> dict[str, Any]:
    return {
        "format": 1,
        "task": "test.loudness",
        "version": "1.2.0",
        "model_type": "linear",
        "created_at": "2026-11-21T04:00:00Z",
        "labels": list(LABELS),
        "input": {"kind": "audio", "shape": [2], "dtype": "float32", "units": "full scale"},
        "pipeline": {"name": "test.loudness", "parameters": {"window": WINDOW}},
        "variants": [
            {"name": "float32", "runtime": "onnx", "file": "weights/float32.npy"},
            {"name": "int8", "runtime": "litert", "file": "weights/int8.npy"},
        ],
        "default_variant": "float32",
        "decision": {"thresholds": {"loud": 0.7}, "background": "quiet"},
        "metrics": {"accuracy": {"value": 0.9, "samples": 120, "low": 0.85, "high": 0.94}},
        "gates": [{"name": "accuracy", "metric": "accuracy", "comparison": ">", "limit": 0.7}],
        "golden": {"file": "golden.npz", "tolerance": {"float32": 1e-4, "int8": 0.02}},
        "lineage": {
            "dataset_digest": "a" * 64,
            "split_rule": "by source clip",
            "config_digest": "b" * 64,
            "code_version": "0.1.0",
            "seed": 7,
        },
        "files": {
            path: {"sha256": "c" * 64, "size": 3} for path in ("weights/float32.npy", "weights/int8.npy", "golden.npz")
        },
    }


@pytest.fixture
def valid_document() -> dict[str, Any]:
    """`bundle.yaml` as plain data, complete and right."""
    return document()


@pytest.fixture
def draft() -> Manifest:
    """What a trainer gives to `write_bundle`."""
    return Manifest.model_validate(document() | {"files": {}})


class LoudnessPipeline:
    """Cuts a clip into windows; gives the root mean square and the peak of each."""

    def __init__(self, manifest: Manifest) -> None:
        self.labels = manifest.labels
        self.window = int(manifest.pipeline.parameters["window"])

    def decode(self, item: Input) -> Decoded:
        if isinstance(item, EncodedAudio):
            try:
                samples, rate = soundfile.read(io.BytesIO(item.data), dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise InvalidInput("not a recording") from error
        elif isinstance(item, PcmAudio):
            samples, rate = item.samples, item.sample_rate
        else:
            raise InvalidInput("this task takes audio")
        rows = len(samples) // self.window
        windows = samples[: rows * self.window].mean(axis=1).reshape(rows, self.window)
        features = np.stack([np.sqrt((windows**2).mean(axis=1)), np.abs(windows).max(axis=1)], axis=1)
        seconds = self.window / rate
        spans = tuple(TimeSpan(row * seconds, (row + 1) * seconds) for row in range(rows))
        return Decoded({"features": features.astype(np.float32)}, spans)

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        predictions = []
        for row, region in zip(outputs["scores"], decoded.regions, strict=True):
            order = np.argsort(-row)
            predictions.append(Prediction(tuple(LabelScore(self.labels[i], float(row[i])) for i in order), region))
        return predictions

    def open_stream(self) -> None:
        return None


class LinearRuntime:
    """Softmax of a matrix product, in place of a network."""

    inputs = (TensorSpec("features", (2,), "float32"),)
    outputs = (TensorSpec("scores", (2,), "float32"),)
    batches = True
    digest = "0" * 64

    def __init__(self, weights: NDArray[np.float32]) -> None:
        self.weights = weights

    def run(self, tensors: Tensors) -> dict[str, NDArray[Any]]:
        logits = tensors["features"] @ self.weights
        powers = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
        return {"scores": (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)}

    def close(self) -> None:
        return None


WEIGHTS = {
    "float32": np.array([[-3.0, 5.0], [-1.0, 2.0]], np.float32),
    "int8": np.array([[-3.0, 5.03], [-1.02, 2.0]], np.float32),
}


def clips() -> list[Input]:
    generator = np.random.default_rng(7)
    quiet = (generator.standard_normal(1200) * 0.01).astype(np.float32)
    loud = (generator.uniform(-0.9, 0.9, (900, 2))).astype(np.float32)
    buffer = io.BytesIO()
    soundfile.write(buffer, quiet, 8000, format="WAV", subtype="PCM_16")
    return [EncodedAudio(buffer.getvalue()), PcmAudio(loud, 16000)]


@pytest.fixture
def pipeline(draft: Manifest) -> LoudnessPipeline:
    return LoudnessPipeline(draft)


@pytest.fixture
def runtime_for() -> Callable[[str], LinearRuntime]:
    """The runtime of a variant; its `weights` may be changed to make a machine that computes wrongly."""
    return lambda variant: LinearRuntime(WEIGHTS[variant].copy())


@pytest.fixture
def golden_clips() -> list[Input]:
    """A WAV file of three quiet windows and PCM of two loud ones."""
    return clips()


@pytest.fixture
def bundle_files(tmp_path: Path, draft: Manifest) -> dict[str, Path | bytes]:
    """The files of a whole bundle: weights as content and as a path, golden samples that fit them."""
    pipeline = LoudnessPipeline(draft)
    scores = {
        name: [run_once(item, LABELS, pipeline, LinearRuntime(weights)) for item in clips()]
        for name, weights in WEIGHTS.items()
    }
    source = tmp_path / "made"
    source.mkdir()
    write_golden(source / "golden.npz", clips(), scores)
    np.save(source / "float32.npy", WEIGHTS["float32"])
    return {
        "weights/float32.npy": source / "float32.npy",
        "weights/int8.npy": WEIGHTS["int8"].tobytes(),
        "golden.npz": source / "golden.npz",
    }


@pytest.fixture
def bundle(tmp_path: Path, draft: Manifest, bundle_files: dict[str, Path | bytes]) -> Bundle:
    """A whole, unsigned bundle."""
    return write_bundle(tmp_path / "bundle", draft, bundle_files)


@pytest.fixture
def everything_below() -> Callable[[Path], set[str]]:
    """Every path below a folder, hidden ones too."""
    return lambda folder: {str(path.relative_to(folder)) for path in folder.rglob("*")}
