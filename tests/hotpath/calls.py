"""Answers empty calls in one process, for an instruction counter: as many as each line of the standard input says.

All that Pipit does for a call is in it, from the interceptors to the bytes of the answer; grpcio, its threads and a
network are not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.bundle.manifest import Expectations
from pipit.inputs import Input
from pipit.inputs.memory import Budget
from pipit.metrics import Metrics
from pipit.rpc.auth import AuthInterceptor, Tokens
from pipit.rpc.call_metrics import CallMetrics
from pipit.rpc.callers import Role
from pipit.rpc.pools import BoundedPool, Pools
from pipit.rpc.progress import MinimumProgress
from pipit.rpc.server import ErrorInterceptor
from pipit.rpc.streams import StreamBudget
from pipit.serving.admission import Admission
from pipit.serving.data_plane import DataPlane
from pipit.serving.inference_servicer import InferenceServicer
from pipit.serving.meters import ModelMeters
from pipit.serving.model import LoadedModel
from pipit.serving.recent import RecentAnswers
from pipit.types import Decoded, Identity, LabelScore, Prediction, Tensors

METHOD = "/pipit.inference.v1.InferenceService/Classify"
LABELS = ("nothing", "something")


class Nothing:
    """A pipeline and a network that do no work."""

    inputs = outputs = ()
    batches = False
    digest = ""

    def __init__(self) -> None:
        self._decoded = Decoded({"x": np.zeros((1, 1), np.float32)}, (None,))
        self._said = [Prediction((LabelScore("nothing", 0.75), LabelScore("something", 0.25)), label="nothing")]

    def decode(self, item: Input) -> Decoded:
        return self._decoded

    def run(self, tensors: Tensors) -> dict[str, Any]:
        return {}

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        return self._said

    def close(self) -> None:
        pass


def plane(metrics: Metrics) -> DataPlane:
    """With one model."""
    identity = Identity("load.nothing", "1.0.0", "0" * 64, "float32")
    manifest: Any = SimpleNamespace(labels=LABELS, expected=Expectations())
    nothing: Any = Nothing()
    model = LoadedModel(identity, manifest, nothing, nothing, ModelMeters(metrics, identity, LABELS))

    def lease(*_: str) -> LoadedModel:
        model.acquire()
        return model

    host: Any = SimpleNamespace(lease=lease, is_serving=True, current=model)
    return DataPlane({identity.task: host}, Admission(2, 64, Budget(1 << 28)), metrics, RecentAnswers(256))


class Handlers:
    """Stands for the server that servicers are added to."""

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        pass

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        self.handlers |= {f"/{service}/{name}": handler for name, handler in handlers.items()}


def calls() -> Iterator[bytes]:
    """Answers one call after the other."""
    metrics, server = Metrics("inference"), Handlers()
    inference_pb2_grpc.add_InferenceServiceServicer_to_server(InferenceServicer(plane(metrics)), server)
    layers = [
        CallMetrics(metrics),
        ErrorInterceptor(),
        Pools(BoundedPool(4, 4, "rpc"), {"grpc.health.v1.Health": BoundedPool(1, 1, "health")}),
        AuthInterceptor(Tokens(None), {METHOD: frozenset(Role)}, ("grpc.health.v1.Health",)),
        StreamBudget(4),
        MinimumProgress(60.0),
    ]
    details: Any = SimpleNamespace(method=METHOD, invocation_metadata=(("user-agent", "grpc"),))
    context: Any = SimpleNamespace(time_remaining=lambda: 1e10, is_active=lambda: True, code=lambda: None)
    data = pb.ClassifyRequest(input=pb.Input(landmarks=pb.Landmarks(values=[1.0]))).SerializeToString()

    def find(at: int) -> Any:
        if at == len(layers):
            return server.handlers[METHOD]
        return layers[at].intercept_service(lambda _: find(at + 1), details)

    while True:
        handler = find(0)
        request = handler.request_deserializer(data)
        yield handler.response_serializer(handler.unary_unary(request, context))


def main() -> None:
    """Says of each line what the last answer was, once it is there."""
    answers = calls()
    for line in sys.stdin:
        for _ in range(int(line)):
            last = next(answers)
        said = pb.ClassifyResponse.FromString(last)
        print(said.predictions[0].label, said.request_id.rpartition("-")[2], flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
