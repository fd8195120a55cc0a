"""Streams that hold no thread: told when there is news, in order, whoever else does not read; cut when they stall."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from pipit.errors import NotFound, Unavailable
from pipit.rpc.handlers import holds_no_thread
from pipit.rpc.progress import MinimumProgress
from pipit.rpc.pushes import Push, Pushes
from pipit.rpc.server import bind, build_server

LARGE = [bytes(3 << 20)] * 10
"""More than what lies between the two ends."""
WATCH = "/test.News/Watch"


class News(grpc.GenericRpcHandler):
    """Each caller is told all that was published, in order, and each piece once."""

    def __init__(self, threads: int) -> None:
        self.pushes = Pushes("told", threads)
        self.published: list[bytes | Exception] = []
        self.open: set[Push] = set()
        self.ended = threading.Semaphore(0)
        self._handler = grpc.unary_stream_rpc_method_handler(self._watch)

    @holds_no_thread
    def _watch(self, request: bytes, context: grpc.ServicerContext, send: Callable[[Any], None]) -> None:
        if request == b"nothing":
            raise NotFound("there is no such news")
        seen = 0

        def say() -> Iterator[bytes]:
            nonlocal seen
            while seen < len(self.published):
                piece = self.published[seen]
                if isinstance(piece, Exception):
                    raise piece
                seen += 1
                yield from LARGE if request == b"large" else [piece]

        push = Push(say, send)
        self.open.add(push)
        self.pushes.open(push, context, ended=lambda: self._end(push))

    def _end(self, push: Push) -> None:
        self.open.discard(push)
        self.ended.release()

    def publish(self, piece: bytes | Exception) -> None:
        self.published.append(piece)
        self.pushes.wake(tuple(self.open))

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._handler if handler_call_details.method == WATCH else None


@pytest.fixture
def news() -> Iterator[News]:
    told = News(threads=2)
    yield told
    told.pushes.close()
    # The next test counts its own.
    wait_for(lambda: threads_that_tell() == 0)


@pytest.fixture
def stall_seconds() -> float:
    return 3600.0


@pytest.fixture
def watch(news: News, stall_seconds: float) -> Iterator[Callable[..., Any]]:
    """Opens a stream over a connection of its own."""
    server = build_server([MinimumProgress(stall_seconds)], max_workers=1)
    server.add_generic_rpc_handlers((news,))
    port = bind(server, "127.0.0.1:0")
    server.start()
    channels: list[grpc.Channel] = []

    def start(request: bytes = b"all") -> Any:
        channels.append(grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)]))
        return channels[-1].unary_stream(WATCH)(request, timeout=120)

    yield start
    for channel in channels:
        channel.close()
    server.stop(None)


def threads_that_tell() -> int:
    return sum(thread.name == "told" for thread in threading.enumerate())


def wait_for(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(3000):
        if holds():
            return
        pause.wait(0.02)
    pytest.fail("it never came to hold")


def test_many_are_told_everything_once_by_a_few_threads(news: News, watch: Callable[..., Any]) -> None:
    news.publish(b"one")
    streams = [watch() for _ in range(20)]
    assert [next(stream) for stream in streams] == [b"one"] * 20
    for piece in (b"two", b"three"):
        news.publish(piece)
    assert [[next(stream), next(stream)] for stream in streams] == [[b"two", b"three"]] * 20
    wait_for(lambda: threads_that_tell() == 2)


def test_who_does_not_read_holds_nobody_up(news: News, watch: Callable[..., Any]) -> None:
    # Three that take nothing hold more threads than there are as a rule.
    deaf = [watch(b"large") for _ in range(3)]
    wait_for(lambda: len(news.open) == 3)
    news.publish(b"one")
    listening = watch()
    assert next(listening) == b"one"
    news.publish(b"two")
    assert next(listening) == b"two"
    for stream in deaf:
        stream.cancel()
        assert news.ended.acquire(timeout=60)
    wait_for(lambda: threads_that_tell() == 2)
    news.publish(b"three")
    assert next(listening) == b"three"


@pytest.mark.parametrize("stall_seconds", [0.5])
def test_who_does_not_read_is_cut(news: News, watch: Callable[..., Any]) -> None:
    news.publish(b"one")
    stream = watch(b"large")
    assert news.ended.acquire(timeout=60)
    with pytest.raises(grpc.RpcError) as caught:
        list(stream)
    assert caught.value.code() is grpc.StatusCode.CANCELLED


def test_errors_end_a_stream_with_their_status_at_its_beginning_and_later(
    news: News, watch: Callable[..., Any]
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        next(watch(b"nothing"))
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.NOT_FOUND, "there is no such news")
    news.publish(b"one")
    stream = watch()
    assert next(stream) == b"one"
    news.publish(Unavailable("no more news"))
    with pytest.raises(grpc.RpcError) as caught:
        next(stream)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.UNAVAILABLE, "no more news")
    assert news.ended.acquire(timeout=60)


def test_who_leaves_is_let_go(news: News, watch: Callable[..., Any]) -> None:
    news.publish(b"one")
    stream = watch()
    assert next(stream) == b"one"
    stream.cancel()
    assert news.ended.acquire(timeout=60)
    assert not news.open


def test_the_threads_end_when_nobody_is_left_to_tell(news: News, watch: Callable[..., Any]) -> None:
    news.publish(b"one")
    assert next(watch()) == b"one"
    news.pushes.close()
    for thread in threading.enumerate():
        if thread.name.startswith("told"):
            thread.join(60)
    assert threads_that_tell() == 0
