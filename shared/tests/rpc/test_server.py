from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from pipit import errors
from pipit.rpc.server import Interceptor, bind, build_server
from structlog.testing import capture_logs

Call = Callable[[grpc.Channel, str, bytes], list[bytes]]
Echo = Callable[..., grpc.Channel]

TREE = [
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, errors.PipitError) and error is not errors.PipitError
]


def fails(channel: grpc.Channel, call: Call, shape: str, request: bytes = b"x") -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, shape, request)
    return caught.value.code(), caught.value.details()


def test_the_tree_is_whole() -> None:
    assert len(TREE) == 14


@pytest.mark.parametrize("error", TREE, ids=lambda error: error.__name__)
def test_each_error_becomes_its_status(
    echo: Echo, call_shape: Call, shape: str, error: type[errors.PipitError]
) -> None:
    def behave(request: bytes, context: grpc.ServicerContext) -> bytes:
        raise error("what is wrong, and what to do")

    code, text = fails(echo(behave), call_shape, shape)
    assert code is grpc.StatusCode[error.status]
    assert text == "what is wrong, and what to do"


@pytest.mark.parametrize("error", [ValueError("a secret"), errors.PipitError("a secret"), Exception("a secret")])
def test_what_is_unknown_becomes_a_constant_text_with_the_id_of_the_log(
    echo: Echo, call_shape: Call, shape: str, error: Exception
) -> None:
    def behave(request: bytes, context: grpc.ServicerContext) -> bytes:
        raise error

    with capture_logs() as logs:
        code, text = fails(echo(behave), call_shape, shape)
    assert code is grpc.StatusCode.INTERNAL
    found = re.fullmatch(r"internal error ([0-9a-f]{12}); the server's log has more under this id", text)
    assert found
    entries = [entry for entry in logs if entry["event"] == "internal_error"]
    assert [entry["error_id"] for entry in entries] == [found.group(1)]
    assert entries[0]["exc_info"] is error
    assert entries[0]["method"] == f"/test.Echo/{shape}"


def test_an_abort_passes_through(echo: Echo, call_shape: Call, shape: str) -> None:
    def behave(request: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort(grpc.StatusCode.OUT_OF_RANGE, "the servicer's own words")

    code, text = fails(echo(behave), call_shape, shape)
    assert (code, text) == (grpc.StatusCode.OUT_OF_RANGE, "the servicer's own words")


def test_an_error_after_set_code_is_not_taken_for_an_abort(echo: Echo, call_shape: Call, shape: str) -> None:
    def behave(request: bytes, context: grpc.ServicerContext) -> bytes:
        context.set_code(grpc.StatusCode.OUT_OF_RANGE)
        raise ValueError("a secret")

    code, text = fails(echo(behave), call_shape, shape)
    assert code is grpc.StatusCode.INTERNAL
    assert "a secret" not in text


def test_good_answers_are_left_alone(echo: Echo, call_shape: Call, shape: str) -> None:
    expected = {"unary_stream": [b"first", b"yes"]}.get(shape, [b"yes"])
    assert call_shape(echo(lambda request, context: request), shape, b"yes") == expected


def test_a_text_that_is_longer_than_metadata_may_be_is_cut(echo: Echo, call_shape: Call) -> None:
    def behave(request: bytes, context: grpc.ServicerContext) -> bytes:
        raise errors.NotFound("𝄞" * 20_000)

    code, text = fails(echo(behave), call_shape, "unary_unary")
    assert code is grpc.StatusCode.NOT_FOUND
    assert set(text) == {"𝄞"}
    assert len(text) < 1000


@pytest.fixture
def health_channel() -> Iterator[grpc.Channel]:
    """A server with messages of protobuf, for each shape that such a service has."""
    server = build_server()
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    reflection.enable_server_reflection([health.SERVICE_NAME], server)
    channel = grpc.insecure_channel(f"127.0.0.1:{bind(server, '127.0.0.1:0')}")
    server.start()
    yield channel
    channel.close()
    server.stop(None)


@pytest.mark.parametrize(
    ("shape", "method"),
    [
        ("unary_unary", "/grpc.health.v1.Health/Check"),
        ("unary_stream", "/grpc.health.v1.Health/Watch"),
        ("stream_stream", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"),
    ],
)
def test_bytes_that_are_no_message_are_invalid(
    health_channel: grpc.Channel, caplog: pytest.LogCaptureFixture, shape: str, method: str
) -> None:
    argument = iter([b"\xff\xff"]) if shape.startswith("stream") else b"\xff\xff"
    with pytest.raises(grpc.RpcError) as caught:
        list(getattr(health_channel, shape)(method)(argument, timeout=30))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details().startswith("the bytes are no message of this method")
    assert caplog.records == []


def test_a_client_that_went_away_is_not_an_error(echo: Echo) -> None:
    begun, gone, ended = threading.Event(), threading.Event(), threading.Event()

    def behave(request: bytes, context: grpc.ServicerContext) -> bytes:
        context.add_callback(gone.set)
        begun.set()
        try:
            assert gone.wait(30)
            raise ValueError("the disk of the house")
        finally:
            ended.set()

    channel = echo(behave)
    with capture_logs() as logs:
        pending = channel.unary_unary("/test.Echo/unary_unary").future(b"x")
        assert begun.wait(30)
        pending.cancel()
        assert ended.wait(30)
        # The next call runs in the same pool after it, so that what was to be logged is.
        with pytest.raises(grpc.RpcError):
            channel.unary_unary("/test.Echo/none")(b"x", timeout=30)
    assert [entry for entry in logs if entry["log_level"] == "error"] == []


def test_a_client_that_leaves_in_the_middle_of_its_stream_ends_it(echo: Echo, caplog: pytest.LogCaptureFixture) -> None:
    ended = threading.Event()

    class Watched(Interceptor):
        def intercept_service(self, continuation: Any, details: Any) -> Any:
            handler = continuation(details)

            def behave(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
                try:
                    yield from handler.stream_stream(requests, context)
                finally:
                    ended.set()

            return grpc.stream_stream_rpc_method_handler(behave)

    channel = echo(lambda request, context: request, interceptors=[Watched()])
    never = threading.Event()

    def requests() -> Iterator[bytes]:
        yield b"one"
        never.wait(30)

    stream = channel.stream_stream("/test.Echo/stream_stream")(requests())
    assert next(stream) == b"one"
    stream.cancel()
    assert ended.wait(30)
    never.set()
    assert caplog.records == []


@pytest.mark.parametrize("error", [errors.Unauthenticated("no token"), errors.PermissionDenied("not this role")])
def test_an_interceptor_may_refuse_a_call_of_any_shape(
    echo: Echo, call_shape: Call, shape: str, error: errors.PipitError
) -> None:
    class Refuses(Interceptor):
        def intercept_service(self, continuation: Any, details: Any) -> Any:
            raise error

    code, text = fails(echo(lambda request, context: request, interceptors=[Refuses()]), call_shape, shape)
    assert (code.name, text) == (error.status, str(error))


def test_an_observer_sees_the_final_status(echo: Echo, call_shape: Call) -> None:
    seen: list[grpc.StatusCode] = []

    class Observer(Interceptor):
        def intercept_service(self, continuation: Any, details: Any) -> Any:
            handler = continuation(details)

            def behave(request: bytes, context: Any) -> bytes:
                try:
                    return handler.unary_unary(request, context)
                finally:
                    seen.append(context.code())

            return grpc.unary_unary_rpc_method_handler(behave)

    def behave(request: bytes, context: grpc.ServicerContext) -> bytes:
        raise errors.Conflict("lost")

    fails(echo(behave, observers=[Observer()]), call_shape, "unary_unary")
    assert seen == [grpc.StatusCode.ABORTED]


def test_an_unknown_method_is_unimplemented(echo: Echo) -> None:
    channel = echo(lambda request, context: request)
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/test.Echo/none")(b"x", timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_request_over_the_size_limit_is_exhausting(echo: Echo, call_shape: Call, shape: str) -> None:
    channel = echo(lambda request, context: b"", max_message_bytes=1000)
    code, _ = fails(channel, call_shape, shape, b"x" * 1001)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert call_shape(channel, shape, b"x" * 1000)[-1] == b""


def test_one_call_too_many_is_exhausting(echo: Echo, call_shape: Call) -> None:
    inside, go = threading.Event(), threading.Event()

    def behave(request: bytes, context: grpc.ServicerContext) -> bytes:
        inside.set()
        assert go.wait(30)
        return request

    channel = echo(behave, max_workers=1, max_waiting=0)
    first = channel.unary_unary("/test.Echo/unary_unary").future(b"first")
    assert inside.wait(30)
    code, _ = fails(channel, call_shape, "unary_unary")
    go.set()
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert first.result(30) == b"first"


def test_a_port_that_is_taken_is_unavailable() -> None:
    first = build_server()
    port = bind(first, "127.0.0.1:0")
    with pytest.raises(errors.Unavailable, match=rf"127\.0\.0\.1:{port}.*choose another"):
        bind(build_server(), f"127.0.0.1:{port}")
    first.stop(None)


def test_servers_share_a_port_only_if_both_ask_for_it() -> None:
    shared = [("grpc.so_reuseport", 1)]
    first, second = build_server(options=shared), build_server(options=shared)
    port = bind(first, "127.0.0.1:0")
    assert bind(second, f"127.0.0.1:{port}") == port
    for server in (first, second):
        server.stop(None)
