"""A real server of bundles that hold two networks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import numpy as np
import pipit.runtimes.onnx
import pytest
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.bundle import Bundle
from pipit.errors import Unavailable
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings
from tiny_server import Until, desired

VALUES = (-1.0, 0.5, 0.125)
REQUEST = pb.ClassifyRequest(input=pb.Input(landmarks=pb.Landmarks(values=VALUES)))


@pytest.fixture
def good(staged: ModuleType, tmp_path: Path) -> Bundle:
    bundle: Bundle = staged.make_bundle(tmp_path)
    return bundle


@pytest.fixture
def server(good: Bundle, until: Until) -> Iterator[InferenceServer]:
    settings = ServingSettings(bundle=(good.path,), port=0, metrics_port=0, concurrency=2, grace_seconds=5.0)
    server = InferenceServer(settings)
    server.start()
    until(lambda: server.plane.is_ready)
    yield server
    server.stop(1.0)


@pytest.fixture
def calls(server: InferenceServer) -> Iterator[Any]:
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield inference_pb2_grpc.InferenceServiceStub(channel)


def reason(calls: Any) -> str:
    (model,) = calls.ListModels(pb.ListModelsRequest(), timeout=30).models
    return str(model.reason)


def test_both_networks_answer(calls: Any, staged: ModuleType) -> None:
    (prediction,) = calls.Classify(REQUEST, timeout=30).predictions
    expected = staged.scores_of(np.array(VALUES, np.float32))[0]
    assert {score.label: pytest.approx(score.score, abs=1e-6) for score in prediction.scores} == dict(
        zip(staged.LABELS, expected, strict=True)
    )
    assert prediction.region_score == -1.0
    assert prediction.HasField("quality")
    assert (prediction.box.left, prediction.box.height) == (1, 4)


@pytest.mark.parametrize("broken", ["no network", "another network", "not there"])
def test_a_bundle_with_a_broken_second_network_never_answers(
    server: InferenceServer,
    calls: Any,
    staged: ModuleType,
    tmp_path: Path,
    until: Until,
    broken: str,
) -> None:
    content = {"no network": b"not ONNX", "another network": staged.network(-staged.FINDS), "not there": None}[broken]
    refused = staged.make_bundle(tmp_path, "2.0.0", content)
    if broken == "not there":
        (refused.path / "networks/finder.onnx").unlink()
    server.hosts[staged.TASK].desire(desired(refused))
    until(lambda: "2.0.0 was refused" in reason(calls))
    said = {
        "no network": "load: network 'finder'",
        "another network": "golden: ",
        "not there": "verify: networks/finder.onnx is missing",
    }
    assert said[broken] in reason(calls)
    assert calls.Classify(REQUEST, timeout=30).model.version == "1.0.0"


def test_both_networks_are_freed_once_the_next_version_answers(
    server: InferenceServer, calls: Any, staged: ModuleType, tmp_path: Path, until: Until
) -> None:
    host = server.hosts[staged.TASK]
    model = host.lease()
    networks = [model.runtime, model.pipeline.networks["finder"]]
    host.desire(desired(staged.make_bundle(tmp_path, "2.0.0")))
    until(lambda: calls.Classify(REQUEST, timeout=30).model.version == "2.0.0")
    # Somebody still works with them.
    assert [_is_closed(network) for network in networks] == [False, False]
    model.release()
    until(lambda: [_is_closed(network) for network in networks] == [True, True])


def test_a_new_version_with_the_same_networks_loads_none_anew_and_ends_none(
    server: InferenceServer,
    calls: Any,
    staged: ModuleType,
    tmp_path: Path,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded = []
    make = pipit.runtimes.onnx.onnxruntime.InferenceSession

    def counted(path: str, *arguments: Any, **options: Any) -> Any:
        loaded.append(Path(path).name)
        return make(path, *arguments, **options)

    monkeypatch.setattr(pipit.runtimes.onnx.onnxruntime, "InferenceSession", counted)
    host = server.hosts[staged.TASK]
    old = host.lease()
    before = [old.runtime, old.pipeline.networks["finder"]]
    bundle = staged.make_bundle(tmp_path, "2.0.0")
    host.desire(desired(bundle))
    until(lambda: calls.Classify(REQUEST, timeout=30).model.version == "2.0.0")
    assert loaded == []
    assert [_is_closed(network) for network in before] == [False, False]
    old.release()
    until(lambda: [_is_closed(network) for network in before] == [True, True])
    # What the old version left is still there for the new one.
    assert calls.Classify(REQUEST, timeout=30).predictions[0].region_score == -1.0


def _is_closed(network: Any) -> bool:
    try:
        network.run({"x": np.zeros((1, 3), np.float32)})
    except Unavailable:
        return True
    return False
