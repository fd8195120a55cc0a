from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import cast

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from pipit import errors
from pipit.metrics import Metrics
from pipit.rpc.call_metrics import CallMetrics
from pipit.rpc.handlers import behavior_of, holds_no_thread
from pipit.rpc.server import Interceptor, bind, build_server

Echo = Callable[..., grpc.Channel]
Call = Callable[[grpc.Channel, str, bytes], list[bytes]]

TYPES = {
    "unary_unary": "unary",
    "unary_stream": "server_stream",
    "stream_unary": "client_stream",
    "stream_stream": "bidi_stream",
}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("registry")


def value(metrics: Metrics, name: str, kind: str, service: str, method: str, **more: str) -> float | None:
    labels = {"grpc_type": kind, "grpc_service": service, "grpc_method": method} | more
    return metrics.registry.get_sample_value(name, labels)


def becomes(read: Callable[[], float | None], expected: float) -> None:
    """The end of a call is counted after the client has its answer."""
    pause = threading.Event()
    for _ in range(3000):
        if read() == expected:
            return
        pause.wait(0.01)
    assert read() == expected


def test_calls_are_counted_and_timed(echo: Echo, call_shape: Call, metrics: Metrics, shape: str) -> None:
    channel = echo(lambda request, context: request, observers=[CallMetrics(metrics)])
    for _ in range(3):
        call_shape(channel, shape, b"x")
    at = (TYPES[shape], "test.Echo", shape)
    becomes(lambda: value(metrics, "grpc_server_handled_total", *at, grpc_code="OK"), 3.0)
    assert value(metrics, "grpc_server_started_total", *at) == 3.0
    assert value(metrics, "grpc_server_handling_seconds_count", *at) == 3.0
    streams = {"unary_unary": (0.0, 0.0), "unary_stream": (0.0, 6.0), "stream_unary": (3.0, 0.0)}
    received, sent = streams.get(shape, (3.0, 3.0))
    assert value(metrics, "grpc_server_msg_received_total", *at) == received
    assert value(metrics, "grpc_server_msg_sent_total", *at) == sent


def test_failures_are_counted_by_their_final_status(echo: Echo, call_shape: Call, metrics: Metrics, shape: str) -> None:
    def behave(request: bytes, context: grpc.ServicerContext) -> bytes:
        raise errors.IntegrityError("changed") if request == b"known" else ValueError("unknown")

    channel = echo(behave, observers=[CallMetrics(metrics)])
    for request in (b"known", b"known", b"unknown"):
        with pytest.raises(grpc.RpcError):
            call_shape(channel, shape, request)
    at = (TYPES[shape], "test.Echo", shape)
    becomes(lambda: value(metrics, "grpc_server_handled_total", *at, grpc_code="DATA_LOSS"), 2.0)
    becomes(lambda: value(metrics, "grpc_server_handled_total", *at, grpc_code="INTERNAL"), 1.0)
    assert value(metrics, "grpc_server_handled_total", *at, grpc_code="OK") == 0.0


def test_a_stream_whose_client_leaves_while_it_is_answered_is_cancelled(echo: Echo, metrics: Metrics) -> None:
    asked, left = threading.Event(), threading.Event()

    def behave(request: bytes, context: grpc.ServicerContext) -> bytes:
        if request == b"y":
            context.add_callback(left.set)
            asked.set()
            assert left.wait(30)
        return request

    channel = echo(behave, observers=[CallMetrics(metrics)])
    requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    stream = channel.stream_stream("/test.Echo/stream_stream")(iter(requests.get, None))
    requests.put(b"x")
    assert next(stream) == b"x"
    requests.put(b"y")
    assert asked.wait(30)
    stream.cancel()
    requests.put(None)
    at = ("bidi_stream", "test.Echo", "stream_stream")
    becomes(lambda: value(metrics, "grpc_server_handled_total", *at, grpc_code="CANCELLED"), 1.0)
    assert value(metrics, "grpc_server_handled_total", *at, grpc_code="OK") == 0.0


def test_methods_that_nobody_serves_make_no_series(echo: Echo, metrics: Metrics) -> None:
    channel = echo(lambda request, context: request, observers=[CallMetrics(metrics)])
    with pytest.raises(grpc.RpcError):
        channel.unary_unary("/made.Up/name")(b"x", timeout=30)
    assert value(metrics, "grpc_server_started_total", "unary", "made.Up", "name") is None


@pytest.fixture
def health_channel(metrics: Metrics) -> Iterator[Callable[..., grpc.Channel]]:
    running: list[tuple[grpc.Server, grpc.Channel]] = []

    def start(*interceptors: Interceptor) -> grpc.Channel:
        server = build_server(interceptors, [CallMetrics(metrics)], max_workers=1)
        health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
        channel = grpc.insecure_channel(f"127.0.0.1:{bind(server, '127.0.0.1:0')}")
        server.start()
        running.append((server, channel))
        return channel

    yield start
    for server, channel in running:
        channel.close()
        server.stop(None)


def test_a_stream_without_a_thread_is_counted_to_its_end(
    health_channel: Callable[..., grpc.Channel], metrics: Metrics
) -> None:
    stub = health_pb2_grpc.HealthStub(health_channel())
    watch = stub.Watch(health_pb2.HealthCheckRequest())
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    at = ("server_stream", "grpc.health.v1.Health", "Watch")
    assert value(metrics, "grpc_server_started_total", *at) == 1.0
    assert value(metrics, "grpc_server_msg_sent_total", *at) == 1.0
    assert value(metrics, "grpc_server_handling_seconds_count", *at) == 0.0
    # The only worker is free although the watch goes on.
    assert stub.Check(health_pb2.HealthCheckRequest(), timeout=30).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()
    becomes(lambda: value(metrics, "grpc_server_handled_total", *at, grpc_code="CANCELLED"), 1.0)


def test_a_stream_without_a_thread_whose_client_left_as_it_began_is_counted_to_its_end(metrics: Metrics) -> None:
    method = "/grpc.health.v1.Health/Watch"
    handler = grpc.unary_stream_rpc_method_handler(holds_no_thread(lambda request, context, send: None))
    # What grpcio says of a call that is over already.
    context = SimpleNamespace(add_callback=lambda end: False, is_active=lambda: False, code=lambda: None)
    details = cast(grpc.HandlerCallDetails, SimpleNamespace(method=method))
    counted = CallMetrics(metrics).intercept_service(lambda _: handler, details)
    assert counted is not None
    behavior_of(counted)(b"", context, lambda response: None)
    at = ("server_stream", "grpc.health.v1.Health", "Watch")
    assert value(metrics, "grpc_server_started_total", *at) == 1.0
    assert value(metrics, "grpc_server_handled_total", *at, grpc_code="CANCELLED") == 1.0


def test_a_refused_call_is_counted_under_its_true_type(
    health_channel: Callable[..., grpc.Channel], metrics: Metrics
) -> None:
    class Refuses(Interceptor):
        def intercept_service(self, continuation: object, details: object) -> None:
            raise errors.Unauthenticated("no token")

    stub = health_pb2_grpc.HealthStub(health_channel(Refuses()))
    with pytest.raises(grpc.RpcError):
        stub.Check(health_pb2.HealthCheckRequest(), timeout=30)
    at = ("unary", "grpc.health.v1.Health", "Check")
    becomes(lambda: value(metrics, "grpc_server_handled_total", *at, grpc_code="UNAUTHENTICATED"), 1.0)
