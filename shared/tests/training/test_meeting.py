from __future__ import annotations

import socket
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest
from pipit.errors import Unavailable
from pipit.training.distributed import Worker
from pipit.training.meeting import meet


def workers(count: int, wait_seconds: float = 60.0, port: int | None = None) -> list[Worker]:
    if port is None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
    addresses = (f"127.0.0.1:{port}", *(f"127.0.0.1:{index}" for index in range(1, count)))
    return [Worker(addresses, index, wait_seconds) for index in range(count)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_nobody_goes_before_all_are_there(order: tuple[int, ...]) -> None:
    all_of_them = workers(3)
    *early, last = order
    with ThreadPoolExecutor(3) as pool:
        waiting: list[Future[None]] = [pool.submit(meet, all_of_them[index]) for index in early]
        with pytest.raises(TimeoutError):
            waiting[0].result(timeout=0.5)
        assert not any(one.done() for one in waiting)
        meet(all_of_them[last])
        for one in waiting:
            one.result(timeout=60)


def test_a_worker_that_is_started_again_and_a_stranger_are_no_trouble() -> None:
    chief, first, second = workers(3)
    host, _, port = chief.addresses[0].rpartition(":")
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(meet, chief)]
        for said in (b"1", b"GET / HTTP/1.1", b"7", b""):
            while True:
                try:
                    caller = socket.create_connection((host, int(port)))
                    break
                except ConnectionRefusedError:
                    threading.Event().wait(0.01)
            with caller:
                caller.sendall(said)
                # A worker that is slow to say who it is does not wait for ever: it may call again.
                assert said or caller.recv(1) == b""
        waiting += [pool.submit(meet, worker) for worker in (first, second)]
        for one in waiting:
            one.result(timeout=60)


def test_a_worker_that_has_ended_since_it_came_is_waited_for() -> None:
    chief, first, second = workers(3, wait_seconds=20.0)
    host, _, port = chief.addresses[0].rpartition(":")
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(meet, chief)]
        while True:
            try:
                with socket.create_connection((host, int(port))) as ended:
                    ended.sendall(b"1")
                break
            except ConnectionRefusedError:
                threading.Event().wait(0.01)
        waiting.append(pool.submit(meet, second))
        assert not wait(waiting, timeout=1.0).done
        waiting.append(pool.submit(meet, first))
        for one in waiting:
            one.result(timeout=60)


def test_who_does_not_come_is_named() -> None:
    # So long that worker 1 comes in time, however busy the machine is.
    chief, first, _ = workers(3, wait_seconds=5.0)
    with ThreadPoolExecutor(2) as pool:
        outcomes = [pool.submit(meet, worker) for worker in (chief, first)]
        with pytest.raises(Unavailable, match=r"worker 0 waited 5 s for worker 2 \(127\.0\.0\.1:2\); is it running"):
            outcomes[0].result(timeout=60)
        with pytest.raises(Unavailable, match=r"worker 1 waited 5 s for worker 0 \(127\.0\.0\.1:"):
            outcomes[1].result(timeout=60)


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"worker 0 can't listen on port {port}"):
            meet(workers(2, port=port)[0])
