from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

import grpc
import pytest
from pipit.rpc.streams import StreamBudget

Echo = Callable[..., grpc.Channel]


class Talk:
    """An open stream whose requests a test sends one by one."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.responses = channel.stream_stream("/test.Echo/stream_stream")(iter(self._requests.get, None))

    def say(self, request: bytes) -> bytes:
        self._requests.put(request)
        return bytes(next(self.responses))

    def end(self) -> None:
        self._requests.put(None)

    def leave(self) -> None:
        self.responses.cancel()
        self.end()


@pytest.fixture
def budget() -> StreamBudget:
    return StreamBudget(2)


@pytest.fixture
def channel(echo: Echo, budget: StreamBudget) -> grpc.Channel:
    return echo(lambda request, context: request, interceptors=[budget], max_workers=1)


def wait_for_open(budget: StreamBudget, count: int) -> None:
    done = threading.Event()
    for _ in range(3000):
        if budget.open_streams == count:
            return
        done.wait(0.01)
    assert budget.open_streams == count


def test_streams_that_stay_open_leave_the_threads_of_unary_calls_alone(
    channel: grpc.Channel, budget: StreamBudget
) -> None:
    talks = [Talk(channel), Talk(channel)]
    assert [talk.say(b"hello") for talk in talks] == [b"hello", b"hello"]
    assert budget.open_streams == 2
    # One worker serves unary calls, and no stream has taken it.
    assert [channel.unary_unary("/test.Echo/unary_unary")(b"x", timeout=30) for _ in range(3)] == [b"x"] * 3
    for talk in talks:
        talk.end()


def test_one_stream_too_many_is_told_so_at_once(channel: grpc.Channel, budget: StreamBudget) -> None:
    talks = [Talk(channel), Talk(channel)]
    for talk in talks:
        talk.say(b"hello")
    with pytest.raises(grpc.RpcError) as caught:
        Talk(channel).say(b"me too")
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert caught.value.details() == "2 streams are open, which is all this server takes; try again later"
    talks[0].end()
    wait_for_open(budget, 1)
    late = Talk(channel)
    assert late.say(b"now") == b"now"
    for talk in (talks[1], late):
        talk.end()
    wait_for_open(budget, 0)


def test_a_client_that_leaves_gives_its_place_back(channel: grpc.Channel, budget: StreamBudget) -> None:
    for _ in range(5):
        talk = Talk(channel)
        assert talk.say(b"hello") == b"hello"
        talk.leave()
        wait_for_open(budget, 0)


@pytest.mark.parametrize("shape", ["unary_stream", "stream_unary"])
def test_every_shape_of_stream_counts(
    echo: Echo, budget: StreamBudget, call_shape: Callable[[grpc.Channel, str, bytes], list[bytes]], shape: str
) -> None:
    counts: list[int] = []

    def behave(request: bytes, context: grpc.ServicerContext) -> bytes:
        counts.append(budget.open_streams)
        return request

    call_shape(echo(behave, interceptors=[budget]), shape, b"x")
    assert counts == [1]
    wait_for_open(budget, 0)


def test_an_error_gives_the_place_back(echo: Echo, budget: StreamBudget) -> None:
    def behave(request: bytes, context: grpc.ServicerContext) -> bytes:
        raise ValueError("no")

    channel = echo(behave, interceptors=[budget])
    for _ in range(5):
        with pytest.raises(grpc.RpcError) as caught:
            Talk(channel).say(b"x")
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        wait_for_open(budget, 0)


def test_unary_calls_take_no_place(echo: Echo, budget: StreamBudget) -> None:
    counts: list[int] = []

    def behave(request: bytes, context: grpc.ServicerContext) -> bytes:
        counts.append(budget.open_streams)
        return request

    echo(behave, interceptors=[budget]).unary_unary("/test.Echo/unary_unary")(b"x", timeout=30)
    assert counts == [0]


def test_requests_come_through_in_order(channel: grpc.Channel) -> None:
    def requests() -> Iterator[bytes]:
        for number in range(50):
            yield b"%d" % number

    responses = channel.stream_stream("/test.Echo/stream_stream")(requests())
    assert [int(response) for response in responses] == list(range(50))
