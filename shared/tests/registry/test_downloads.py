"""Downloads that stand still while the registry answers everything else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from pipit._pb.pipit.registry.v1 import registry_pb2 as pb
from pipit._pb.pipit.registry.v1 import registry_pb2_grpc
from pipit.bundle import FileEntry
from pipit.errors import Unavailable
from pipit.files import sha256_bytes
from pipit.registry import Cancellation, RegistryClient
from pipit.registry.cancellation import Stall
from pipit.registry.downloads import download_file

CONTENT = bytes(range(256)) * 40
ENTRY = FileEntry(sha256=sha256_bytes(CONTENT), size=len(CONTENT))


class Stalling(registry_pb2_grpc.RegistryServiceServicer):
    """Sends 1,000 bytes of what is asked for, then nothing, as long as `stalls`."""

    def __init__(self) -> None:
        self.stalls = True
        self.silent = threading.Event()
        self.offsets: list[int] = []

    def Download(  # noqa: N802 (the protocol's name)
        self, request: pb.DownloadRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.DownloadResponse]:
        self.offsets.append(request.offset)
        left = threading.Event()
        context.add_callback(left.set)
        if self.stalls:
            yield pb.DownloadResponse(data=CONTENT[request.offset : request.offset + 1000])
            self.silent.set()
            left.wait()
        else:
            yield pb.DownloadResponse(data=CONTENT[request.offset :])


@pytest.fixture
def servicer() -> Stalling:
    return Stalling()


@pytest.fixture
def address(servicer: Stalling) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(4))
    registry_pb2_grpc.add_RegistryServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


class StallOnceBegun(Stall):
    """Counts from the first piece on, however long a busy machine takes to bring that."""

    def _watch(self) -> None:
        self._moved.wait(60)
        super()._watch()


def test_one_that_stands_still_ends_and_goes_on_from_there(
    address: str, servicer: Stalling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipit.registry.client.Stall", StallOnceBegun)
    with (
        RegistryClient(address, stall_seconds=0.5) as client,
        pytest.raises(Unavailable, match=f"the registry at {address} sent nothing of a file for 0.5 s"),
    ):
        download_file(client, ENTRY, tmp_path / "file", Cancellation())
    assert (tmp_path / "file").read_bytes() == CONTENT[:1000]
    servicer.stalls = False
    with RegistryClient(address) as client:
        download_file(client, ENTRY, tmp_path / "file", Cancellation())
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert servicer.offsets == [0, 1000]


def test_one_that_stands_still_is_ended_from_another_thread(address: str, servicer: Stalling, tmp_path: Path) -> None:
    cancellation = Cancellation()
    with RegistryClient(address) as client, ThreadPoolExecutor(1) as pool:
        download = pool.submit(download_file, client, ENTRY, tmp_path / "file", cancellation)
        assert servicer.silent.wait(30)
        cancellation.cancel()
        with pytest.raises(Unavailable, match="was cancelled"):
            download.result(30)
        # Nor does another one begin.
        with pytest.raises(Unavailable, match="the fetch was cancelled, for another version is wanted"):
            download_file(client, ENTRY, tmp_path / "file", cancellation)
    assert servicer.offsets == [0]
