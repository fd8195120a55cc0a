"""Readers that take nothing and publishers that send nothing: their places come back, and they hold nobody else up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from model_registry.server import RegistryServer
from pipit._pb.pipit.registry.v1 import registry_pb2 as pb
from pipit._pb.pipit.registry.v1 import registry_pb2_grpc
from pipit.bundle import Bundle
from pipit.errors import QueueFull, Unavailable
from pipit.registry import RegistryClient

DOWNLOADS = 4
LARGE = bytes(24 << 20)
"""More than what lies between the two ends."""


@pytest.fixture
def stalled(make_bundle: Callable[..., Bundle]) -> Iterator[Callable[..., None]]:
    """Takes all places for downloads, and reads one message of each."""
    channels: list[grpc.Channel] = []
    # A call that nobody holds is cancelled.
    held: list[Any] = []

    def stall(server: RegistryServer, digest: str) -> None:
        for _ in range(DOWNLOADS):
            channels.append(grpc.insecure_channel(f"127.0.0.1:{server.port}", [("grpc.use_local_subchannel_pool", 1)]))
            stub = registry_pb2_grpc.RegistryServiceStub(channels[-1])
            call = stub.Download(pb.DownloadRequest(digest=digest), timeout=60)
            assert next(call).total_size == len(LARGE)
            held.append(call)

    yield stall
    for channel in channels:
        channel.close()


def test_publishing_goes_on_while_every_download_is_stalled(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    make_bundle: Callable[..., Bundle],
    stalled: Callable[..., None],
) -> None:
    server = start(max_transfers=DOWNLOADS)
    client = connect(server)
    bundle = make_bundle(weights=LARGE)
    client.publish(bundle.path)
    digest = bundle.manifest.files["weights.onnx"].sha256
    stalled(server, digest)
    with pytest.raises(QueueFull, match="4 downloads are under way"):
        list(client.download(digest))
    assert client.publish(make_bundle("1.1.0", weights=b"the remedy").path).created


def test_a_reader_that_takes_nothing_loses_its_place(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    make_bundle: Callable[..., Bundle],
    stalled: Callable[..., None],
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    server = start(max_transfers=DOWNLOADS, stall_seconds=0.5)
    client = connect(server)
    bundle = make_bundle(weights=LARGE)
    client.publish(bundle.path)
    digest = bundle.manifest.files["weights.onnx"].sha256
    stalled(server, digest)

    def fetched() -> bool:
        try:
            return b"".join(client.download(digest)) == LARGE
        except (QueueFull, Unavailable):
            # Where the machine stands still, this one is cut as well.
            return False

    eventually(fetched)


def test_a_publisher_that_sends_nothing_loses_its_place(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    make_bundle: Callable[..., Bundle],
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    server = start(max_publishes=1, stall_seconds=0.5)
    bundle, other = make_bundle(), make_bundle("1.1.0")
    begin = pb.PublishRequest(begin=pb.PreparePublishRequest(manifest=bundle.manifest_bytes))

    def silent() -> Iterator[pb.PublishRequest]:
        yield begin
        threading.Event().wait(60)

    def published() -> bool:
        try:
            return connect(server).publish(other.path, attempts=1).created
        except (QueueFull, Unavailable):
            # Where the machine stands still, this one is cut as well.
            return False

    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = registry_pb2_grpc.RegistryServiceStub(channel).Publish.future(silent(), timeout=60)
        assert isinstance(call.exception(30), grpc.RpcError)
        assert call.code() is grpc.StatusCode.CANCELLED
        eventually(published)
