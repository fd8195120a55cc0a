"""Through a real server: what can't be decoded within its memory is refused, and nothing stays behind."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from PIL import Image
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.bundle import Bundle
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings


@pytest.fixture
def bright(brightness_bundle: Bundle, until: Callable[..., None]) -> Iterator[tuple[InferenceServer, Any]]:
    settings = ServingSettings(
        bundle=(brightness_bundle.path,), port=0, metrics_port=0, grace_seconds=1.0, concurrency=2, decode_mib=16
    )
    server = InferenceServer(settings)
    server.start()
    try:
        until(lambda: server.plane.is_ready)
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            yield server, inference_pb2_grpc.InferenceServiceStub(channel)
    finally:
        server.stop(1.0)


def picture(form: str, side: int) -> pb.ClassifyRequest:
    file = io.BytesIO()
    Image.new("RGB", (side, side), "white").save(file, form, lossless=True)
    return pb.ClassifyRequest(input=pb.Input(image=file.getvalue()))


def test_a_small_file_that_asks_for_much_memory(bright: tuple[InferenceServer, Any]) -> None:
    server, stub = bright
    asks = picture("WEBP", 4000)
    assert asks.ByteSize() < 2_000
    with pytest.raises(grpc.RpcError) as caught:
        stub.Classify(asks, timeout=30)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "to decode this takes 266 MiB, the limit is 16 MiB; make it smaller" in caught.value.details()
    assert server.memory.used == 0
    (prediction,) = stub.Classify(picture("WEBP", 200), timeout=30).predictions
    assert prediction.label == "bright"
    assert (server.memory.used, server.admission.running) == (0, 0)


def test_memory_that_others_use(bright: tuple[InferenceServer, Any]) -> None:
    server, stub = bright
    server.memory.take(server.memory.size, until=None)
    with pytest.raises(grpc.RpcError) as caught:
        stub.Classify(picture("PNG", 200), timeout=0.5)
    assert caught.value.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED)
    server.memory.give(server.memory.size)
    (prediction,) = stub.Classify(picture("PNG", 200), timeout=30).predictions
    assert prediction.label == "bright"
