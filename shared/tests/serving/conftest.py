"""A tiny task with a real network, real bundles of it, and real servers on ports that the system chooses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import onnx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from grpc_health.v1 import health_pb2, health_pb2_grpc
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from pipit._pb.open_inference.v2 import open_inference_pb2_grpc
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.answers import predict
from pipit.bundle import Bundle, Manifest, write_bundle, write_golden
from pipit.errors import InputTooLarge, InvalidInput, NotFound
from pipit.inputs import EncodedImage, Input, InputSequence, Landmarks, PcmAudio, TensorInput
from pipit.metrics import Metrics
from pipit.proving import Trials
from pipit.serving import InferenceServer, ServingSettings
from pipit.serving.loading import LoaderOptions, ModelLoader
from pipit.serving.model import LoadedModel
from pipit.types import Decoded, Prediction, Tensors, TimeSpan

TASK = "test.tiny"
LABELS = ("low", "middle", "high")
RATE = 8
"""Hz: a window is four samples, half a second."""
WINDOW = 4
TOO_MANY = 100


def network(sign: float) -> bytes:
    """Softmax of sign * x @ W; x has four features, W makes three scores of them."""
    weights = np.arange(12, dtype=np.float32).reshape(4, 3) * np.float32(sign / 10)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["logits"]), helper.make_node("Softmax", ["logits"], ["scores"])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", 3])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def scores_of(values: NDArray[np.float32], sign: float = 1.0) -> NDArray[np.float32]:
    """What `network(sign)` gives, in numpy."""
    weights = np.arange(12, dtype=np.float32).reshape(4, 3) * np.float32(sign / 10)
    logits = np.atleast_2d(values) @ weights
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), np.float32)


class Gate:
    """Holds callers inside `decode` until it is opened, and says how many are inside."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self.inside = threading.Semaphore(0)

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def wait_entered(self, callers: int) -> None:
        for _ in range(callers):
            assert self.inside.acquire(timeout=30)

    def pass_through(self) -> None:
        self.inside.release()
        assert self._open.wait(30)


class TinyPipeline:
    """Takes four landmarks, a sequence of such, rows of tenfold ones, or PCM, of which every four samples are a row."""

    def __init__(self, manifest: Manifest, gate: Gate) -> None:
        self._labels, self._decision = manifest.labels, manifest.decision
        self._gate = gate

    def decode(self, item: Input) -> Decoded:
        if isinstance(item, EncodedImage) and item.data == b"held":
            self._gate.pass_through()
            return Decoded({"x": np.zeros((1, 4), np.float32)}, (None,))
        if isinstance(item, EncodedImage) and item.data == b"broken":
            raise RuntimeError("secret of the house")
        if isinstance(item, Landmarks):
            if len(item.values) > TOO_MANY:
                raise InputTooLarge(f"{len(item.values)} landmarks; send 4")
            if len(item.values) != 4:
                raise InvalidInput(f"{len(item.values)} landmarks; send 4")
            return Decoded({"x": item.values[np.newaxis]}, (None,))
        if isinstance(item, TensorInput) and item.name == "tenfold":
            return Decoded({"x": item.values / 10}, (None,) * len(item.values))
        if isinstance(item, InputSequence):
            rows = np.concatenate([self.decode(part).tensors["x"] for part in item.items])
            return Decoded({"x": rows}, (None,) * len(rows))
        if isinstance(item, PcmAudio):
            decoded = TinyStream().push(item)
            return decoded or Decoded({"x": np.empty((0, 4), np.float32)}, ())
        raise InvalidInput(f"this task can't take a {type(item).__name__}; send landmarks")

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        if not decoded.regions:
            return []
        return [
            predict(row, self._labels, self._decision, region)
            for row, region in zip(outputs["scores"], decoded.regions, strict=True)
        ]

    def open_stream(self) -> TinyStream:
        return TinyStream()


class TinyStream:
    """Cuts a recording into rows of four samples; `finish` pads what remains with zeros."""

    def __init__(self) -> None:
        self._rest = np.empty(0, np.float32)
        self._heard = 0
        self.seconds = 0.0

    def takes(self, item: Input) -> bool:
        return isinstance(item, PcmAudio)

    def push(self, item: Input, seconds: float | None = None) -> Decoded | None:
        assert isinstance(item, PcmAudio)
        if not np.isfinite(item.samples).all():
            raise InvalidInput("the recording holds a sample that is no number")
        self.seconds += len(item.samples) / item.sample_rate
        self._rest = np.concatenate([self._rest, item.samples[:, 0]])
        rows = len(self._rest) // WINDOW
        return self._take(rows) if rows else None

    def finish(self) -> Decoded | None:
        if not len(self._rest):
            return None
        self._rest = np.pad(self._rest, (0, WINDOW - len(self._rest)))
        return self._take(1)

    def _take(self, rows: int) -> Decoded:
        values, self._rest = self._rest[: rows * WINDOW].reshape(rows, WINDOW), self._rest[rows * WINDOW :]
        seconds = WINDOW / RATE
        spans = tuple(TimeSpan((self._heard + i) * seconds, (self._heard + i + 1) * seconds) for i in range(rows))
        self._heard += rows
        return Decoded({"x": values}, spans)


class PairsPipeline(TinyPipeline):
    """Its streams follow landmarks: the mean of every two is a row, whose span begins where the one before ended.

    They come one a second, where nothing else is said. PCM is answered by itself.
    """

    def open_stream(self) -> Any:
        return PairStream()


class PairStream:
    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._begun = 0.0
        self.seconds = 0.0

    def takes(self, item: Input) -> bool:
        return isinstance(item, Landmarks)

    def push(self, item: Input, seconds: float | None = None) -> Decoded | None:
        assert isinstance(item, Landmarks)
        if len(item.values) != 4:
            raise InvalidInput(f"{len(item.values)} landmarks; send 4")
        begun = self.seconds
        self.seconds = begun + 1.0 if seconds is None else seconds
        last, self._last = self._last, item.values
        if last is None:
            self._begun = begun
            return None
        self._last = None
        return Decoded({"x": (last + item.values)[np.newaxis] / 2}, (TimeSpan(self._begun, self.seconds),))

    def finish(self) -> Decoded | None:
        return None


PIPELINES: dict[str, type[TinyPipeline]] = {"test.tiny": TinyPipeline, "test.pairs": PairsPipeline}

MakeBundle = Callable[..., Bundle]


class OpenModel:
    """Opens versions as a server does, without one; sign -1 says "low" of what sign 1 calls "high"."""

    def __init__(self, make_bundle: MakeBundle, loader: ModelLoader, gate: Gate) -> None:
        self.gate = gate
        self._make_bundle = make_bundle
        self._loader = loader
        self._opened: list[LoadedModel] = []

    def __call__(self, version: str, sign: float = 1.0, **more: Any) -> LoadedModel:
        self._opened.append(self._loader.open(self._make_bundle(version, sign, **more)))
        return self._opened[-1]

    def close(self) -> None:
        self.gate.open()
        for model in self._opened:
            model.close()


@pytest.fixture
def make_bundle(tmp_path: Path) -> MakeBundle:
    """Makes a bundle of the tiny task. sign: of the network's weights. golden_sign: of the golden scores."""

    def make(
        version: str = "1.0.0",
        sign: float = 1.0,
        golden_sign: float | None = None,
        weights: bytes | None = None,
        task: str = TASK,
        pipeline: str = "test.tiny",
        key: Ed25519PrivateKey | None = None,
    ) -> Bundle:
        sample = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
        golden = tmp_path / f"golden-{version}-{sign}-{golden_sign}.npz"
        expected = scores_of(sample, sign if golden_sign is None else golden_sign)
        write_golden(golden, [Landmarks(sample)], {"float32": [expected]})
        manifest = Manifest.model_validate(
            {
                "task": task,
                "version": version,
                "model_type": "linear",
                "created_at": "2026-11-21T04:00:00Z",
                "labels": LABELS,
                "input": {"kind": "landmarks", "shape": (4,)},
                "pipeline": {"name": pipeline},
                "variants": [{"name": "float32", "runtime": "onnx", "file": "float32.onnx"}],
                "default_variant": "float32",
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
        )
        content: dict[str, Path | bytes] = {"float32.onnx": weights or network(sign), "golden.npz": golden}
        return write_bundle(tmp_path / f"bundle-{task}-{version}-{sign}-{golden_sign}", manifest, content, key)

    return make


@pytest.fixture
def open_model(make_bundle: MakeBundle, tmp_path: Path) -> Iterator[OpenModel]:
    gate = Gate()
    loader = ModelLoader(
        LoaderOptions(),
        Metrics("inference"),
        Trials(tmp_path / "trials"),
        lambda manifest: PIPELINES[manifest.pipeline.name](manifest, gate),
    )
    opened = OpenModel(make_bundle, loader, gate)
    yield opened
    opened.close()


@dataclass
class Running:
    """A started server, with a channel and stubs."""

    server: InferenceServer
    gate: Gate
    channel: grpc.Channel
    calls: Any = field(init=False)
    open_inference: Any = field(init=False)
    health: Any = field(init=False)

    def __post_init__(self) -> None:
        self.calls = inference_pb2_grpc.InferenceServiceStub(self.channel)
        self.open_inference = open_inference_pb2_grpc.GRPCInferenceServiceStub(self.channel)
        self.health = health_pb2_grpc.HealthStub(self.channel)

    def health_of(self, service: str) -> str:
        status = self.health.Check(health_pb2.HealthCheckRequest(service=service)).status
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(status))


Serve = Callable[..., Running]


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    return wait_until


@pytest.fixture
def enough_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second version may stay loaded, whatever else runs on this machine."""
    for module in ("host", "loaded", "ways"):
        monkeypatch.setattr(f"pipit.serving.{module}.memory_is_short", lambda: False)


@pytest.fixture
def serve(make_bundle: MakeBundle, tmp_path: Path) -> Iterator[Serve]:
    """Starts servers; without settings, of one good bundle. Waits until they serve, unless wait=False."""
    running: list[Running] = []

    def start(*, wait: bool = True, **settings: Any) -> Running:
        gate = Gate()

        def pipelines(manifest: Manifest) -> TinyPipeline:
            if manifest.pipeline.name not in PIPELINES:
                raise NotFound(f"pipeline {manifest.pipeline.name!r} is not installed here")
            return PIPELINES[manifest.pipeline.name](manifest, gate)

        if "bundle" not in settings and "tasks" not in settings:
            settings["bundle"] = (make_bundle().path,)
        defaults: dict[str, Any] = {"port": 0, "metrics_port": 0, "concurrency": 2, "grace_seconds": 10.0}
        defaults["cache_dir"] = tmp_path / "cache"
        server = InferenceServer(ServingSettings(**(defaults | settings)), pipelines)
        server.start()
        channel = grpc.insecure_channel(f"127.0.0.1:{server.port}", options=[("grpc.use_local_subchannel_pool", 1)])
        running.append(Running(server, gate, channel))
        if wait:
            wait_until(lambda: server.plane.is_ready)
        return running[-1]

    yield start
    for one in running:
        one.gate.open()
        one.channel.close()
        one.server.stop(1.0)


PIPELINE = """
import os
import numpy as np
from pipit.types import Decoded, LabelScore, Prediction

class Plain:
    def __init__(self, manifest):
        self.labels = manifest.labels

    def decode(self, item):
        return Decoded({"x": item.values[np.newaxis]}, (None,))

    def interpret(self, outputs, decoded):
        order = np.argsort(-outputs["scores"][0])
        return [Prediction(tuple(LabelScore(self.labels[i], float(outputs["scores"][0][i])) for i in order))]

    def open_stream(self):
        return None


class Aborts(Plain):
    def interpret(self, outputs, decoded):
        os.abort()
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with an installed package that brings the tiny task's pipeline."""
    folder = tmp_path / "site"
    package = folder / "tiny_task-1.0.dist-info"
    package.mkdir(parents=True)
    (folder / "tiny_task.py").write_text(PIPELINE)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-task\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(
        "[pipit.pipelines]\ntest.tiny = tiny_task:Plain\ntest.aborts = tiny_task:Aborts\n"
    )
    return folder


class Process:
    """A started `python -m pipit.serving`, whose log is read line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid

    def wait_for(self, *events: str) -> dict[str, Any]:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if line.startswith("{") and (entry := json.loads(line))["event"] in events:
                return dict(entry)
        raise AssertionError(f"the process ended without {events}")

    def wait_for_all(self, *events: str) -> dict[str, dict[str, Any]]:
        """The first of each, in whatever order they come."""
        found: dict[str, dict[str, Any]] = {}
        while missing := [event for event in events if event not in found]:
            entry = self.wait_for(*missing)
            found[entry["event"]] = entry
        return found

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Reads until the last process that holds the log has ended."""
        _, rest = self._process.communicate()
        return self._process.returncode, rest

    def servers(self) -> list[int]:
        """Of several: their process ids."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]


@pytest.fixture
def start(site: Path, tmp_path: Path, popen: Callable[..., Any]) -> Callable[..., Process]:
    def start_one(*arguments: str) -> Process:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PIPIT_")}
        command = [sys.executable, "-m", "pipit.serving", "--port=0", "--metrics-port=0", "--log-format=json"]
        command.append(f"--cache-dir={tmp_path / 'cache'}")
        environment |= {"PYTHONPATH": str(site)}
        return Process(popen([*command, *arguments], stderr=subprocess.PIPE, text=True, env=environment))

    return start_one
