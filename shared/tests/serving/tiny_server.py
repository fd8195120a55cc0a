"""Models and servers of the tiny task, opened and started in the test's own process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pipit._pb.open_inference.v2 import open_inference_pb2_grpc
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.bundle import Bundle
from pipit.serving.attempts import Desired
from pipit.serving.loading import ModelLoader
from pipit.serving.model import LoadedModel
from pipit.serving.server import InferenceServer
from tiny import REQUEST, Gate

MakeBundle = Callable[..., Bundle]
Until = Callable[[Callable[[], bool]], None]


def desired(bundle: Bundle, **more: Any) -> Desired:
    """What a host is told to run: a bundle that is on the disk already. more: other fields."""
    return Desired(str(bundle.manifest.version), bundle.digest, lambda: bundle.path, **more)


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


def version(running: Running) -> str:
    """Of the model that answers."""
    return str(running.calls.Classify(REQUEST, timeout=30).model.version)


def answers_with(running: Running) -> str:
    """The version of the model that answers, or the name of the status where none does."""
    try:
        return version(running)
    except grpc.RpcError as error:
        return str(error.code().name)


def model(running: Running) -> pb.Model:
    """What the server says of its one model."""
    (listed,) = running.calls.ListModels(pb.ListModelsRequest(), timeout=30).models
    return listed


def wait_until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)
