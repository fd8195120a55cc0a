"""Calling `pipit` as a user does, in this process."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import numpy as np
import pytest
import soundfile
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pipit.bundle import Bundle, Manifest, write_bundle, write_golden
from pipit.cli.main import app
from pipit.inputs import PcmAudio
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


@pytest.fixture(scope="session")
def loudness_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages with the task test.loudness, which its distribution's entry points name."""
    site = tmp_path_factory.mktemp("site")
    info = site / "loudness-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: loudness\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[pipit.pipelines]\ntest.loudness = loudness:LoudnessPipeline\n"
        "[pipit.trainers]\ntest.loudness = loudness:LoudnessTrainer\n"
    )
    shutil.copy(Path(__file__).parent / "loudness.py", site)
    return site


@pytest.fixture
def loudness(loudness_site: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of test.loudness; the task is installed for as long as the test runs."""
    monkeypatch.syspath_prepend(loudness_site)
    return importlib.import_module("loudness")


@pytest.fixture
def write_tone(tmp_path: Path, loudness: ModuleType) -> Callable[..., Path]:
    """Writes a recording of (seconds, amplitude) pieces: 0.5 is loud, 0.01 is quiet."""

    def write(name: str, *pieces: tuple[float, float]) -> Path:
        soundfile.write(tmp_path / name, np.concatenate([loudness.tone(*piece) for piece in pieces]), loudness.RATE)
        return tmp_path / name

    return write


@pytest.fixture
def make_bundle(tmp_path: Path, loudness: ModuleType) -> Callable[..., Bundle]:
    """Makes a bundle of the loudness task. accuracy: the metric that its one gate looks at."""

    def make(version: str = "1.0.0", accuracy: float = 0.9, note: str = "") -> Bundle:
        sample = PcmAudio(loudness.tone(1.0, 0.5)[:, np.newaxis], loudness.RATE)
        logits = np.array([40 * 0.5 / np.sqrt(2) - 4, 0.0])
        scores = (np.exp(logits) / np.exp(logits).sum()).astype(np.float32)[np.newaxis]
        golden = tmp_path / f"golden-{version}.npz"
        write_golden(golden, [sample], {"float32": [scores]})
        manifest = Manifest.model_validate(
            {
                "task": loudness.TASK,
                "version": version,
                "model_type": "loudness",
                "created_at": "2026-11-21T04:00:00Z",
                "labels": ("loud", "quiet"),
                "input": {"kind": "audio", "shape": (1,)},
                "pipeline": {"name": loudness.TASK, "parameters": {"note": note}},
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
        return write_bundle(folder, manifest, {"float32.onnx": loudness.network(0.1), "golden.npz": golden})

    return make


@pytest.fixture
def inference_server(make_bundle: Callable[..., Bundle], loudness: ModuleType) -> Iterator[str]:
    """host:port of a real server of the loudness task, once it serves."""
    settings = ServingSettings(bundle=(make_bundle().path,), port=0, metrics_port=0, grace_seconds=1.0)
    server = InferenceServer(settings)
    server.start()
    try:
        address = f"127.0.0.1:{server.port}"
        with grpc.insecure_channel(address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest(service=loudness.TASK)
            for reply in stub.Watch(request, timeout=60):
                if reply.status == health_pb2.HealthCheckResponse.SERVING:
                    break
        yield address
    finally:
        server.stop()
