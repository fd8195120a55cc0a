"""Servers with one method of each of the four shapes, whose behavior a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from pipit.rpc.server import bind, build_server

SHAPES = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")


class Echo(grpc.GenericRpcHandler):
    """`/test.Echo/<shape>`: calls `behave(request, context)` for each request; bytes in, bytes out."""

    def __init__(self, behave: Callable[[bytes, grpc.ServicerContext], bytes]) -> None:
        def unary_unary(request: bytes, context: grpc.ServicerContext) -> bytes:
            return behave(request, context)

        def unary_stream(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
            yield b"first"
            yield behave(request, context)

        def stream_unary(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            return b",".join(behave(request, context) for request in requests)

        def stream_stream(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            for request in requests:
                yield behave(request, context)

        self._handlers = {
            "/test.Echo/unary_unary": grpc.unary_unary_rpc_method_handler(unary_unary),
            "/test.Echo/unary_stream": grpc.unary_stream_rpc_method_handler(unary_stream),
            "/test.Echo/stream_unary": grpc.stream_unary_rpc_method_handler(stream_unary),
            "/test.Echo/stream_stream": grpc.stream_stream_rpc_method_handler(stream_stream),
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._handlers.get(handler_call_details.method)


def call(channel: grpc.Channel, shape: str, request: bytes) -> list[bytes]:
    """Calls one shape with one request; gives all responses."""
    method = getattr(channel, shape)(f"/test.Echo/{shape}")
    argument = iter([request]) if shape.startswith("stream") else request
    response = method(argument, timeout=30)
    return list(response) if shape.endswith("stream") else [response]


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def call_shape() -> Callable[[grpc.Channel, str, bytes], list[bytes]]:
    return call


@pytest.fixture
def echo() -> Iterator[Callable[..., grpc.Channel]]:
    """Starts a server around `behave`, with the options of `build_server`; gives a channel to it."""
    running: list[tuple[grpc.Server, grpc.Channel]] = []

    def start(behave: Callable[[bytes, grpc.ServicerContext], bytes], **options: Any) -> grpc.Channel:
        server = build_server(**options)
        server.add_generic_rpc_handlers((Echo(behave),))
        channel = grpc.insecure_channel(f"127.0.0.1:{bind(server, '127.0.0.1:0')}")
        server.start()
        running.append((server, channel))
        return channel

    yield start
    for server, channel in running:
        channel.close()
        server.stop(None)
