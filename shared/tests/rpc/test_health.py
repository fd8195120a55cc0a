"""Health, which anybody may ask, and what strangers can do with it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pipit.rpc.health import HealthServicer
from pipit.rpc.server import bind, build_server

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
WATCHES = 300
MEBIBYTE = 1 << 20
_CHILD = """
import sys
from grpc_health.v1 import health_pb2_grpc
from pipit.rpc.health import HealthServicer
from pipit.rpc.server import bind, build_server

def resident():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024

server = build_server()
health_pb2_grpc.add_HealthServicer_to_server(HealthServicer(), server)
port = bind(server, "127.0.0.1:0")
server.start()
print(port, flush=True)
for _ in sys.stdin:
    print(resident(), flush=True)
"""
Start = Callable[..., tuple[HealthServicer, "health_pb2_grpc.HealthStub"]]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[tuple[grpc.Server, grpc.Channel]] = []

    def begin(most_watchers: int = 10) -> tuple[HealthServicer, health_pb2_grpc.HealthStub]:
        servicer, server = HealthServicer(most_watchers), build_server()
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        channel = grpc.insecure_channel(f"127.0.0.1:{bind(server, '127.0.0.1:0')}")
        server.start()
        running.append((server, channel))
        return servicer, health_pb2_grpc.HealthStub(channel)

    yield begin
    for server, channel in running:
        channel.close()
        server.stop(None).wait()


def request(service: str = "") -> health_pb2.HealthCheckRequest:
    return health_pb2.HealthCheckRequest(service=service)


def test_a_watch_follows_a_name_that_is_there(start: Start) -> None:
    servicer, stub = start()
    states = stub.Watch(request(), timeout=30)
    assert next(states).status == SERVING
    servicer.set("", NOT_SERVING)
    assert next(states).status == NOT_SERVING
    states.cancel()


def test_a_watch_of_another_name_ends_at_once(start: Start) -> None:
    servicer, stub = start()
    with pytest.raises(grpc.RpcError) as caught:
        next(stub.Watch(request("no.such" * 1000), timeout=30))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert len(caught.value.details()) < 200
    servicer.set("now.there", SERVING)
    states = stub.Watch(request("now.there"), timeout=30)
    assert next(states).status == SERVING
    states.cancel()


def test_watches_have_a_limit_and_checks_do_not_mind(start: Start) -> None:
    _, stub = start(most_watchers=2)
    watches = [stub.Watch(request(), timeout=30) for _ in range(2)]
    assert [next(watch).status for watch in watches] == [SERVING] * 2
    with pytest.raises(grpc.RpcError) as caught:
        next(stub.Watch(request(), timeout=30))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert stub.Check(request(), timeout=30).status == SERVING
    for watch in watches:
        watch.cancel()


def test_who_watches_and_leaves_while_it_changes_stops_nothing(start: Start) -> None:
    servicer, stub = start(most_watchers=100)
    for number in range(50):
        watches = [stub.Watch(request(), timeout=60) for _ in range(4)]
        for watch in watches:
            assert next(watch).status in (SERVING, NOT_SERVING)
        changing = threading.Thread(target=servicer.set, args=("", NOT_SERVING if number % 2 else SERVING))
        changing.start()
        for watch in watches:
            watch.cancel()
        changing.join()
        assert stub.Check(request(), timeout=60).status == (NOT_SERVING if number % 2 else SERVING)


def test_a_watcher_that_reads_nothing_holds_up_neither_changes_nor_those_who_leave() -> None:
    class Context:
        """Of a call that ends when it is told to."""

        def add_callback(self, callback: Callable[[], None]) -> bool:
            self.end = callback
            return True

    def send(_: health_pb2.HealthCheckResponse) -> None:
        sending.release()
        go.wait()

    servicer, context, sending, go = HealthServicer(), Context(), threading.Semaphore(0), threading.Event()
    anybody: Any = context
    servicer.Watch(request(), anybody, send)
    sending.acquire()
    servicer.set("", NOT_SERVING)
    assert servicer.Check(request(), anybody).status == NOT_SERVING
    context.end()
    assert not servicer._watches
    go.set()
    servicer.close()


def test_nothing_serves_once_it_is_closed(start: Start) -> None:
    servicer, stub = start()
    states = stub.Watch(request(), timeout=30)
    assert next(states).status == SERVING
    servicer.close()
    assert next(states).status == NOT_SERVING
    servicer.set("", SERVING)
    assert stub.Check(request(), timeout=30).status == NOT_SERVING
    states.cancel()


def test_watches_of_large_names_leave_nothing_behind() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None

        def resident() -> int:
            print(file=child.stdin, flush=True)
            return int(child.stdout.readline())  # type: ignore[union-attr]

        with grpc.insecure_channel(f"127.0.0.1:{child.stdout.readline().strip()}") as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch

            def attack(number: int) -> grpc.StatusCode:
                try:
                    next(watch(request(f"{number}" * MEBIBYTE), timeout=60))
                except grpc.RpcError as error:
                    return error.code()  # type: ignore[no-any-return, attr-defined]
                return grpc.StatusCode.OK

            # What the first ones need stays for those that follow.
            assert {attack(number % 10) for number in range(20)} == {grpc.StatusCode.NOT_FOUND}
            before = resident()
            assert {attack(number % 10) for number in range(WATCHES)} == {grpc.StatusCode.NOT_FOUND}
            # What was asked for and is kept would be a mebibyte each; the threads take some, more on more processors.
            assert resident() - before < WATCHES * MEBIBYTE / 2
        child.stdin.close()
