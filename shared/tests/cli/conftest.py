"""Calling `pipit` as a user does, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import soundfile
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from pipit.bundle import Bundle, Manifest, write_bundle, write_golden
from pipit.cli.main import app
from pipit.errors import InvalidInput
from pipit.inputs import EncodedAudio, Input, PcmAudio
from pipit.inputs.audio import AudioLimits, StreamWindows, cut_windows, decode_audio, resample
from pipit.pipelines import Decoded, LabelScore, Prediction, Tensors, TimeSpan
from pipit.serving import InferenceServer, ServingSettings
from typer.testing import CliRunner


@dataclass(frozen=True)
class Called:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output, which has to be nothing but JSON."""
        return json.loads(self.out)


Pipit = Callable[..., Called]


@pytest.fixture(autouse=True)
def silent_log() -> Iterator[None]:
    """Servers that a test runs in this process must not write to the standard output of the command."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), cache_logger_on_first_use=False)
    yield
    structlog.reset_defaults()


@pytest.fixture
def pipit(monkeypatch: pytest.MonkeyPatch) -> Pipit:
    """`pipit("keys", "show", path)`. Settings of the machine are left out."""
    for name in ("REGISTRY", "SERVER", "TOKEN", "DATA", "DATA_MIRROR", "RUNS", "SIGNING_KEY"):
        monkeypatch.delenv(f"PIPIT_{name}", raising=False)
    # A process sets up its log once; here many commands run in one, each with a standard error of its own.
    monkeypatch.setattr("pipit.cli.main.configure_logging", lambda *_: None)

    def call(*arguments: object) -> Called:
        result = CliRunner(env={"COLUMNS": "160", "TERM": "dumb", "NO_COLOR": "1"}).invoke(
            app, [str(argument) for argument in arguments], prog_name="pipit"
        )
        return Called(result.exit_code, result.stdout, result.stderr)

    return call


TASK = "test.loudness"
RATE = 8_000
"""Hz."""


class LoudnessPipeline:
    """Hears whether each second of a recording is loud."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest

    def decode(self, item: Input) -> Decoded:
        if not isinstance(item, EncodedAudio | PcmAudio):
            raise InvalidInput("this task takes audio")
        samples, rate = decode_audio(item, AudioLimits())
        return self._features(*cut_windows(resample(samples, rate, RATE), RATE, 1.0, 1.0))

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        return [
            Prediction(self._ranked(row), region, uncertain=bool(abs(row[0] - row[1]) < 0.5))
            for row, region in zip(outputs["scores"], decoded.regions, strict=True)
        ]

    def open_stream(self) -> LoudnessStream:
        return LoudnessStream(self._features)

    @staticmethod
    def _features(rows: NDArray[np.float32], spans: Sequence[TimeSpan]) -> Decoded:
        return Decoded({"x": np.sqrt(np.mean(rows**2, axis=1, keepdims=True))}, tuple(spans))

    def _ranked(self, row: NDArray[np.float32]) -> tuple[LabelScore, ...]:
        order = np.argsort(-row)
        return tuple(LabelScore(self._manifest.labels[i], float(row[i]), bool(row[i] >= 0.5)) for i in order)


class LoudnessStream:
    def __init__(self, features: Callable[..., Decoded]) -> None:
        self._windows = StreamWindows(RATE, 1.0, 1.0)
        self._features = features

    def push(self, item: Input) -> Decoded | None:
        assert isinstance(item, PcmAudio)
        rows, spans = self._windows.push(item)
        return self._features(rows, spans) if len(rows) else None

    def finish(self) -> Decoded | None:
        rows, spans = self._windows.finish()
        return self._features(rows, spans) if len(rows) else None


def loudness_network() -> bytes:
    """scores = softmax(x * [40, 0] + [-4, 0]): loud from an effective value of 0.1 on."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"]),
        helper.make_node("Add", ["product", "b"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"]),
    ]
    weights = [
        numpy_helper.from_array(np.array([[40.0, 0.0]], np.float32), "w"),
        numpy_helper.from_array(np.array([-4.0, 0.0], np.float32), "b"),
    ]
    graph = helper.make_graph(
        nodes,
        "loudness",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 1])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", 2])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def tone(seconds: float, amplitude: float) -> NDArray[np.float32]:
    time = np.arange(int(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


@pytest.fixture
def write_tone(tmp_path: Path) -> Callable[..., Path]:
    """Writes a recording of (seconds, amplitude) pieces: 0.5 is loud, 0.01 is quiet."""

    def write(name: str, *pieces: tuple[float, float]) -> Path:
        soundfile.write(tmp_path / name, np.concatenate([tone(*piece) for piece in pieces]), RATE)
        return tmp_path / name

    return write


@pytest.fixture
def make_bundle(tmp_path: Path) -> Callable[..., Bundle]:
    """Makes a bundle of the loudness task. accuracy: the metric that its one gate looks at."""

    def make(version: str = "1.0.0", accuracy: float = 0.9, note: str = "") -> Bundle:
        sample = PcmAudio(tone(1.0, 0.5)[:, np.newaxis], RATE)
        logits = np.array([40 * 0.5 / np.sqrt(2) - 4, 0.0])
        scores = (np.exp(logits) / np.exp(logits).sum()).astype(np.float32)[np.newaxis]
        golden = tmp_path / f"golden-{version}.npz"
        write_golden(golden, [sample], {"float32": [scores]})
        manifest = Manifest.model_validate(
            {
                "task": TASK,
                "version": version,
                "model_type": "loudness",
                "created_at": "2026-11-21T04:00:00Z",
                "labels": ("loud", "quiet"),
                "input": {"kind": "audio", "shape": (1,)},
                "pipeline": {"name": TASK, "parameters": {"note": note}},
                "variants": [{"name": "float32", "runtime": "onnx", "file": "float32.onnx"}],
                "default_variant": "float32",
                "decision": {"background": "quiet"},
                "metrics": {"accuracy": {"value": accuracy, "samples": 100}},
                "gates": [{"name": "good enough", "metric": "accuracy", "comparison": ">", "limit": 0.7}],
                "golden": {"tolerance": {"float32": 1e-4}},
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
        folder = tmp_path / f"bundle-{version}-{accuracy}{note}"
        return write_bundle(folder, manifest, {"float32.onnx": loudness_network(), "golden.npz": golden})

    return make


@pytest.fixture
def inference_server(make_bundle: Callable[..., Bundle]) -> Iterator[str]:
    """host:port of a real server of the loudness task, once it serves."""
    settings = ServingSettings(bundle=(make_bundle().path,), port=0, metrics_port=0, grace_seconds=1.0)
    server = InferenceServer(settings, pipelines=LoudnessPipeline)
    server.start()
    try:
        address = f"127.0.0.1:{server.port}"
        with grpc.insecure_channel(address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest(service=TASK)
            for reply in stub.Watch(request, timeout=60):
                if reply.status == health_pb2.HealthCheckResponse.SERVING:
                    break
        yield address
    finally:
        server.stop()
