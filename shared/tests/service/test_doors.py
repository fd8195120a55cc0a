"""Who takes whose places: reflection, health, callers and strangers, idle connections, readers that stall."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc
from pipit.rpc.auth import Tokens, hash_token
from pipit.rpc.callers import Caller, Role
from pipit.rpc.client import open_channel
from pipit.rpc.health import HealthServicer
from pipit.rpc.server import bind
from pipit.service.doors import build_guarded, stream_budget
from pipit.service.settings import ServiceSettings

STREAMS = 4
METHODS = {f"/test.Echo/{name}": frozenset(Role) for name in ("short", "quiet", "flood", "take")}
Status = grpc.StatusCode


class Echo(grpc.GenericRpcHandler):
    """A short call that can be held up, a stream that says nothing, one that floods, and one that takes."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.go_on.set()
        self._handlers = {
            "/test.Echo/short": grpc.unary_unary_rpc_method_handler(self._short),
            "/test.Echo/quiet": grpc.stream_stream_rpc_method_handler(self._quiet),
            "/test.Echo/flood": grpc.unary_stream_rpc_method_handler(self._flood),
            "/test.Echo/take": grpc.stream_unary_rpc_method_handler(self._take),
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._handlers.get(handler_call_details.method)

    def _short(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        assert self.go_on.wait(60)
        return request

    def _quiet(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        yield b"open"
        yield from requests

    def _flood(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        while True:
            yield bytes(1 << 20)

    def _take(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        return b"%d" % sum(1 for _ in requests)


class Served:
    """A guarded server. Two callers are known: anna and ben."""

    def __init__(self, stack: ExitStack, **settings: Any) -> None:
        callers = {hash_token(name): Caller(name, frozenset({Role.READER})) for name in ("anna", "ben")}
        self.tokens = Tokens(callers)
        self.streams = stream_budget(STREAMS, self.tokens)
        self.echo = Echo()
        self._stack = stack
        server = build_guarded(
            ServiceSettings(**settings),
            self.tokens,
            METHODS,
            self.streams,
            [],
            threads=2,
            waiting=2,
            receiving=("/test.Echo/take",),
        )
        server.add_generic_rpc_handlers((self.echo,))
        health_pb2_grpc.add_HealthServicer_to_server(HealthServicer(), server)
        reflection.enable_server_reflection((), server)
        self.port = bind(server, "127.0.0.1:0")
        server.start()
        stack.callback(lambda: server.stop(None).wait())
        stack.callback(self.echo.go_on.set)

    def channel(self, token: str | None = None) -> grpc.Channel:
        return self._stack.enter_context(open_channel(f"127.0.0.1:{self.port}", token))


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    with ExitStack() as stack:
        yield lambda **settings: Served(stack, **settings)


def status(call: Callable[[], Any]) -> grpc.StatusCode:
    try:
        call()
    except grpc.RpcError as error:
        return error.code()  # type: ignore[no-any-return, attr-defined]
    return Status.OK


def hold(channel: grpc.Channel) -> Any:
    """A stream that is open and says nothing more."""
    stream = channel.stream_stream("/test.Echo/quiet")(_silence(), timeout=60)
    assert next(stream) == b"open"
    return stream


def _silence() -> Iterator[bytes]:
    threading.Event().wait(60)
    yield from ()


def reflect(channel: grpc.Channel) -> Any:
    """A stream of reflection that stays open after its first answer."""

    def questions() -> Iterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        threading.Event().wait(60)

    stream = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(questions(), timeout=60)
    next(stream)
    return stream


def check(channel: grpc.Channel) -> grpc.StatusCode:
    return status(lambda: health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=30))


def test_only_health_is_open(serve: Callable[..., Served]) -> None:
    stranger = serve().channel()
    assert check(stranger) is Status.OK
    assert status(lambda: stranger.unary_unary("/test.Echo/short")(b"", timeout=30)) is Status.UNAUTHENTICATED
    assert [status(lambda: reflect(stranger)) for _ in range(8)] == [Status.UNAUTHENTICATED] * 8


def test_reflection_takes_none_of_the_places_for_streams(serve: Callable[..., Served]) -> None:
    served = serve()
    anna, ben = served.channel("anna"), served.channel("ben")
    held = [reflect(anna) for _ in range(4)]
    assert status(lambda: reflect(ben)) is Status.RESOURCE_EXHAUSTED
    assert served.streams.open_streams == 0
    streams = [hold(anna) for _ in range(3)] + [hold(ben)]
    assert served.streams.open_streams == STREAMS
    for stream in (*held, *streams):
        stream.cancel()


def test_one_caller_leaves_places_for_streams_to_others(serve: Callable[..., Served]) -> None:
    served = serve()
    anna, ben = served.channel("anna"), served.channel("ben")
    streams = [hold(anna) for _ in range(3)]
    with pytest.raises(grpc.RpcError) as caught:
        hold(anna)
    assert caught.value.code() is Status.RESOURCE_EXHAUSTED
    assert "anna has 3 of 4 places" in caught.value.details()
    streams.append(hold(ben))
    with pytest.raises(grpc.RpcError) as caught:
        hold(ben)
    assert "4 streams are open" in caught.value.details()
    for stream in streams:
        stream.cancel()


def test_a_flood_of_one_caller_leaves_room_for_another_and_for_probes(serve: Callable[..., Served]) -> None:
    served = serve()
    served.echo.go_on.clear()
    anna, ben, stranger = served.channel("anna"), served.channel("ben"), served.channel()
    calls = [anna.unary_unary("/test.Echo/short").future(b"", timeout=60) for _ in range(20)]
    # Two run and one waits: three of four. The others are told at once.
    refused: list[Any] = []
    while len(refused) < 17:
        refused = [call for call in calls if call.done()]
    assert {call.code() for call in refused} == {Status.RESOURCE_EXHAUSTED}
    waiting = ben.unary_unary("/test.Echo/short").future(b"ben", timeout=60)
    assert [check(stranger) for _ in range(20)] == [Status.OK] * 20
    served.echo.go_on.set()
    assert waiting.result(60) == b"ben"
    assert [call.result(60) for call in calls if call not in refused] == [b""] * 3


@pytest.mark.parametrize("kind", ["reader", "sender"])
def test_who_stalls_is_cut_and_gives_the_place_back(serve: Callable[..., Served], kind: str) -> None:
    served = serve(stall_seconds=0.5)
    anna = served.channel("anna")
    if kind == "reader":
        stalled = anna.unary_stream("/test.Echo/flood")(b"", timeout=60)
        assert len(next(stalled)) == 1 << 20
    else:
        stalled = anna.stream_unary("/test.Echo/take").future(_silence(), timeout=60)
        assert isinstance(stalled.exception(30), grpc.RpcError)
        assert stalled.code() is Status.CANCELLED
    # A reader that takes nothing does not learn of it: what was sent lies before the news.
    while served.streams.open_streams:
        continue
    stalled.cancel()


def test_a_stream_may_be_silent_that_has_nothing_to_say(serve: Callable[..., Served]) -> None:
    # So long, that what gRPC takes here to send "open" is no stall.
    served = serve(stall_seconds=2.0)
    anna = served.channel("anna")
    quiet = hold(anna)
    stalled = anna.stream_unary("/test.Echo/take").future(_silence(), timeout=60)
    assert isinstance(stalled.exception(30), grpc.RpcError)
    assert quiet.is_active()
    quiet.cancel()


def test_connections_are_refused_below_the_limit_of_descriptors(serve: Callable[..., Served]) -> None:
    served = serve(max_connections=20)
    with ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection(("127.0.0.1", served.port), 30)) for _ in range(60)]
        closed = 0
        while closed < 40:
            closed = sum(map(_is_closed, idle))
        assert closed == 40
    # What is closed here is closed there a moment later.
    while check(served.channel()) is not Status.OK:
        continue


def _is_closed(connection: socket.socket) -> bool:
    connection.settimeout(0.0)
    with suppress(BlockingIOError):
        try:
            return connection.recv(1, socket.MSG_PEEK) == b""
        except ConnectionError:
            return True
    return False
