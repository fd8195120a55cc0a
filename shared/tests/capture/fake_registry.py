"""The registry's ExampleService in this process, over real calls: consents and broken uploads as a test wants them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from pipit._pb.pipit.examples.v1 import examples_pb2 as pb
from pipit._pb.pipit.examples.v1 import examples_pb2_grpc
from pipit.examples import Consent, Example
from pipit.rpc.mirror import from_proto, to_proto


class FakeRegistry(examples_pb2_grpc.ExampleServiceServicer):
    """refuse: what the next uploads end with, one each. cut_after: bytes after which the next upload breaks off."""

    def __init__(self) -> None:
        self.consents: dict[tuple[str, str], Consent] = {}
        self.taken: dict[str, tuple[Example, bytes]] = {}
        self.order: list[str] = []
        self.parts: dict[str, bytes] = {}
        self.received = 0
        self.refuse: list[grpc.StatusCode] = []
        self.cut_after: int | None = None
        self.asked = threading.Semaphore(0)
        self._server: Any = None
        self.port = 0

    def start(self) -> None:
        self._server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        examples_pb2_grpc.add_ExampleServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def give(self, consent: Consent) -> None:
        self.consents[consent.device_id, consent.task] = consent

    def ListConsents(self, request: pb.ListConsentsRequest, context: Any) -> pb.ListConsentsResponse:  # noqa: N802
        self.asked.release()
        mine = [one for one in self.consents.values() if request.device_id in ("", one.device_id)]
        return pb.ListConsentsResponse(consents=[to_proto(one, pb.Consent) for one in mine])

    def PrepareUpload(self, request: pb.PrepareUploadRequest, context: Any) -> pb.PrepareUploadResponse:  # noqa: N802
        example = from_proto(request.example, Example)
        if (example.device_id, example.task) not in self.consents:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "no consent stands")
        if self.refuse:
            context.abort(self.refuse.pop(0), "as the test wants it")
        if example.id in self.taken:
            return pb.PrepareUploadResponse(complete=True)
        return pb.PrepareUploadResponse(offset=len(self.parts.get(example.id, b"")))

    def Upload(self, requests: Iterator[pb.UploadRequest], context: Any) -> pb.UploadResponse:  # noqa: N802
        first = next(requests)
        example = from_proto(first.example, Example)
        content = self.parts.get(example.id, b"")[: first.offset]
        for request in requests:
            self.received += len(request.content)
            content += request.content
            if self.cut_after is not None and len(content) >= self.cut_after:
                self.cut_after = None
                self.parts[example.id] = content
                context.abort(grpc.StatusCode.UNAVAILABLE, "the line was cut")
        if hashlib.sha256(content).hexdigest() != example.sha256:
            context.abort(grpc.StatusCode.DATA_LOSS, "of another digest")
        self.taken[example.id] = example, content
        self.order.append(example.id)
        return pb.UploadResponse(example=first.example)
