"""Calls to a name with several addresses: a real name server, and a real inference server on each address."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from dnslib import QTYPE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSLogger, DNSServer
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.errors import Unavailable
from pipit.rpc.client import call_errors, open_channel, to_pipit_error
from tiny_server import MakeBundle, Serve, Until

NAME = "replicas.pipit.test"
FIRST, SECOND, THIRD = "127.0.0.1", "127.0.0.2", "127.0.0.3"
AGE = 1.0
"""Seconds; gRPC varies it by a tenth."""


class Names(BaseResolver):  # type: ignore[misc]
    """Knows one name, as the name server of a cluster knows a headless service."""

    def __init__(self) -> None:
        self.addresses: tuple[str, ...] = ()
        self.lookups = 0

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        reply = request.reply()
        if str(request.q.qname) == f"{NAME}." and request.q.qtype == QTYPE.A:
            self.lookups += 1
            for address in self.addresses:
                reply.add_answer(RR(request.q.qname, QTYPE.A, rdata=A(address), ttl=0))
        return reply


class Replicas:
    """Inference servers on one port of several addresses. Each has a version of its own, which says who answered."""

    def __init__(self, serve: Serve, make_bundle: MakeBundle, names: Names, name_server: str) -> None:
        self._serve = serve
        self._make_bundle = make_bundle
        self._names = names
        self._name_server = name_server
        self._servers: dict[str, Any] = {}
        self._port = 0

    def start(self, *addresses: str, **settings: Any) -> None:
        for address in addresses:
            bundle = self._make_bundle(f"{address.rpartition('.')[2]}.0.0")
            running = self._serve(bundle=(bundle.path,), host=address, port=self._port, concurrency=4, **settings)
            self._port = running.server.port
            self._servers[address] = running.server
        self._names.addresses = tuple(self._servers)

    def stop(self, address: str) -> None:
        self._servers.pop(address).stop()
        self._names.addresses = tuple(self._servers)

    @property
    def target(self) -> str:
        return f"dns://{self._name_server}/{NAME}:{self._port}"


class Caller:
    """Asks who answers."""

    def __init__(self, target: str) -> None:
        self.channel = open_channel(target)
        self.stub = inference_pb2_grpc.InferenceServiceStub(self.channel)

    def ask(self) -> str:
        request = pb.ClassifyRequest(input=pb.Input(landmarks=pb.Landmarks(values=(1, 2, 3, 4))))
        return address_of(self.stub.Classify(request, timeout=30))

    def ask_times(self, times: int) -> Counter[str]:
        return Counter(self.ask() for _ in range(times))


def address_of(response: pb.ClassifyResponse) -> str:
    return f"127.0.0.{response.model.version.partition('.')[0]}"


class Load:
    """Threads that ask without a pause, and note who answers and what fails."""

    def __init__(self, caller: Caller, threads: int = 3) -> None:
        self.answers: Counter[str] = Counter()
        self.failures: list[grpc.RpcError] = []
        self._caller = caller
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._ended.is_set():
            try:
                answer = self._caller.ask()
            except grpc.RpcError as error:
                self.failures.append(error)
            else:
                with self._lock:
                    self.answers[answer] += 1


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def replicas(serve: Serve, make_bundle: MakeBundle, names: Names) -> Iterator[Replicas]:
    server = DNSServer(names, address="127.0.0.1", port=0, logger=DNSLogger("-request,-reply"))
    server.start_thread()
    yield Replicas(serve, make_bundle, names, f"127.0.0.1:{server.server.server_address[1]}")
    server.stop()
    server.server.server_close()


@pytest.fixture
def call(until: Until) -> Iterator[Callable[[Replicas], Caller]]:
    """A caller that is connected to all replicas."""
    callers: list[Caller] = []

    def begin(replicas: Replicas) -> Caller:
        caller = Caller(replicas.target)
        callers.append(caller)
        until(lambda: set(caller.ask_times(6)) == set(replicas._names.addresses))
        return caller

    yield begin
    for caller in callers:
        caller.channel.close()


def test_calls_take_turns(replicas: Replicas, call: Callable[[Replicas], Caller]) -> None:
    replicas.start(FIRST, SECOND, THIRD)

    assert call(replicas).ask_times(30) == {FIRST: 10, SECOND: 10, THIRD: 10}


def test_calls_move_when_a_replica_stops(replicas: Replicas, call: Callable[[Replicas], Caller], until: Until) -> None:
    replicas.start(FIRST, SECOND, THIRD)
    caller = call(replicas)

    with Load(caller) as load:
        until(lambda: load.answers.total() >= 50)
        replicas.stop(SECOND)
        stopped = load.answers.copy()
        until(lambda: (load.answers - stopped).total() >= 50)

    # Between the refusal of new calls and the end of the connection; what a caller is to try again. grpcio cancels a
    # call that arrives in the very moment of the stop; for clients of Pipit both are Unavailable.
    assert all(isinstance(to_pipit_error(failure), Unavailable) for failure in load.failures)
    # Turns begin anew where the connection's end is heard of only now.
    until(lambda: caller.ask_times(30) == {FIRST: 15, THIRD: 15})


def test_a_new_replica_is_found_when_connections_age_and_no_call_fails(
    replicas: Replicas, call: Callable[[Replicas], Caller], until: Until
) -> None:
    replicas.start(FIRST, SECOND, max_connection_age_seconds=AGE)

    with Load(call(replicas)) as load:
        until(lambda: load.answers.total() >= 50)
        replicas.start(THIRD, max_connection_age_seconds=AGE)
        until(lambda: load.answers[THIRD] >= 50)

    assert load.failures == []


def test_a_stream_outlives_the_age_of_its_connection(
    replicas: Replicas, call: Callable[[Replicas], Caller], names: Names, until: Until
) -> None:
    replicas.start(FIRST, SECOND, max_connection_age_seconds=AGE)
    caller = call(replicas)
    requests: queue.SimpleQueue[pb.ClassifyStreamRequest | None] = queue.SimpleQueue()
    stream = caller.stub.ClassifyStream(iter(requests.get, None))
    ask = pb.ClassifyStreamRequest(
        request=pb.ClassifyRequest(input=pb.Input(landmarks=pb.Landmarks(values=(1, 2, 3, 4))))
    )
    requests.put(ask)
    begun_with = address_of(next(stream).response)
    # While all connections live nobody asks for the name: each of these follows the end of one.
    looked_up = names.lookups
    until(lambda: bool(caller.ask()) and names.lookups >= looked_up + 2)

    requests.put(ask)
    assert address_of(next(stream).response) == begun_with
    requests.put(None)
    assert list(stream) == []


def test_a_name_without_an_address_is_told_from_a_server_that_is_away(replicas: Replicas) -> None:
    with open_channel(replicas.target) as channel:
        stub = inference_pb2_grpc.InferenceServiceStub(channel)
        with pytest.raises(Unavailable, match="can't be reached: its name has no address"), call_errors("the server"):
            stub.ListModels(pb.ListModelsRequest(), timeout=30)


def test_replicas_that_are_all_away_are_unavailable() -> None:
    with open_channel("dns:///127.0.0.1:1") as channel:
        stub = inference_pb2_grpc.InferenceServiceStub(channel)
        with pytest.raises(Unavailable, match="is it running"), call_errors("the server"):
            stub.ListModels(pb.ListModelsRequest(), timeout=30)
