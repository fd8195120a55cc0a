"""Bundles of the tiny task, and real servers of it on ports that the system chooses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pipit.bundle import Bundle, Manifest, write_bundle, write_golden
from pipit.errors import NotFound
from pipit.inputs import Landmarks
from pipit.metrics import Metrics
from pipit.proving import Trials
from pipit.serving.loading import LoaderOptions, ModelLoader
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings

# Where this file is lent to other tests, its modules are found too.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1] / "capture"))

from candidate_site import Site
from serving_process import PIPELINE, Process
from tiny import LABELS, PIPELINES, TASK, Gate, TinyPipeline, network, scores_of
from tiny_server import MakeBundle, OpenModel, Running, Serve, Until, wait_until


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


@pytest.fixture
def until() -> Until:
    return wait_until


@pytest.fixture
def enough_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second version may stay loaded, whatever else runs on this machine."""
    for module in ("host", "loaded", "ways"):
        monkeypatch.setattr(f"pipit.serving.{module}.memory_is_short", lambda needed=0: False)


def _has_swapped_in(server: InferenceServer) -> bool:
    """Whether all tasks answer, and those who are told of it have been: that is counted last."""
    value = server.metrics.registry.get_sample_value
    outcomes = [{"task": task, "outcome": "swapped"} for task in server.hosts]
    return server.plane.is_ready and all(value("pipit_model_loads_total", one) for one in outcomes)


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
            wait_until(lambda: _has_swapped_in(server))
        return running[-1]

    yield start
    for one in running:
        one.gate.open()
        one.channel.close()
        one.server.stop(1.0)


@pytest.fixture
def site(serve: Serve, make_bundle: MakeBundle, enough_memory: None) -> Site:
    old, new = make_bundle("1.0.0"), make_bundle("2.0.0", -1.0)
    return Site(serve(bundle=(old.path,), queue=64), old, new)


@pytest.fixture
def tiny_site(tmp_path: Path) -> Path:
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


@pytest.fixture
def start(tiny_site: Path, tmp_path: Path, popen: Callable[..., Any]) -> Callable[..., Process]:
    def start_one(*arguments: str) -> Process:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PIPIT_")}
        command = [sys.executable, "-m", "pipit.serving", "--port=0", "--metrics-port=0", "--log-format=json"]
        command.append(f"--cache-dir={tmp_path / 'cache'}")
        environment |= {"PYTHONPATH": str(tiny_site)}
        return Process(popen([*command, *arguments], stderr=subprocess.PIPE, text=True, env=environment))

    return start_one
