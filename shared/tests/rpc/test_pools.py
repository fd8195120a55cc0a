from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from math import inf

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import QueueFull
from pipit.rpc import pools
from pipit.rpc.handlers import Handler, WrappedOnce
from pipit.rpc.pools import BoundedPool


class Held:
    """Calls that wait until they are let go, and say on which threads they run."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)
        self.threads: list[threading.Thread] = []

    def __call__(self) -> None:
        self.threads.append(threading.current_thread())
        self.begun.release()
        self.go.wait()


def submit(pool: BoundedPool, call: Callable[[], object], who: str = "anna") -> threading.Event:
    pool.enter(who)
    done = threading.Event()
    pool.submit(call).add_done_callback(lambda _: done.set())
    return done


@given(threads=st.integers(1, 6), eager=st.integers(1, 6), calls=st.integers(1, 40))
def test_every_call_runs_once_and_leaves_its_place(threads: int, eager: int, calls: int) -> None:
    pool, ran = BoundedPool(threads, 40, "test", eager=eager), []
    ended = [submit(pool, lambda number=number: ran.append(number)) for number in range(calls)]  # type: ignore[misc]
    for event in ended:
        event.wait()
    assert sorted(ran) == list(range(calls))
    pool.shutdown()
    assert (pool._crew.held, pool._crew.held_by) == (0, {})


@pytest.mark.parametrize("patience", [pools.PATIENCE, inf])
def test_calls_that_wait_for_something_get_threads_beyond_the_eager_ones(
    monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    # As none ends, nobody has to be late.
    monkeypatch.setattr(pools, "PATIENCE", patience)
    pool, held = BoundedPool(4, 8, "test", eager=1), Held()
    ended = [submit(pool, held) for _ in range(4)]
    for _ in range(4):
        held.begun.acquire()
    # There is no fifth thread.
    ended.append(submit(pool, held))
    held.go.set()
    for event in ended:
        event.wait()
    assert len(held.threads) == 5
    assert len(set(held.threads)) == 4
    pool.shutdown()


def test_the_thread_that_was_at_work_last_is_woken_first() -> None:
    pool, held, one = BoundedPool(3, 8, "test"), Held(), Held()
    for _ in range(3):
        submit(pool, held)
    for _ in range(3):
        held.begun.acquire()
    held.go.set()
    one.go.set()
    for number in range(20):
        while len(pool._crew._idle) < 3:
            threading.Event().wait(0.001)
        last = pool._crew._idle[-1].thread
        submit(pool, one).wait()
        assert one.threads[number] is last
    pool.shutdown()


def test_a_full_pool_and_a_caller_with_a_full_share_are_refused() -> None:
    pool, held = BoundedPool(2, 2, "test", share=lambda places: places - 1), Held()
    for _ in range(3):
        submit(pool, held)
    with pytest.raises(QueueFull, match="anna has as many calls here as one caller may"):
        pool.enter("anna")
    submit(pool, held, "ben")
    with pytest.raises(QueueFull, match="as many calls as it takes"):
        pool.enter("ben")
    held.go.set()
    pool.shutdown()


def test_a_call_that_raises_takes_no_thread_with_it() -> None:
    pool = BoundedPool(1, 4, "test")
    submit(pool, lambda: 1 / 0).wait()
    submit(pool, lambda: None).wait()
    pool.shutdown()
    assert pool._crew.held == 0


def test_a_pool_that_is_shut_takes_nothing_and_ends_what_it_has() -> None:
    pool, held, ran = BoundedPool(1, 4, "test"), Held(), []
    submit(pool, held)
    held.begun.acquire()
    waits = submit(pool, lambda: ran.append(1))
    pool.shutdown(wait=False)
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(lambda: None)
    held.go.set()
    waits.wait()
    assert ran == [1]
    pool.shutdown()
    assert not any(thread.is_alive() for thread in held.threads)


def test_threads_of_a_pool_that_nobody_holds_end() -> None:
    pool, held = BoundedPool(2, 4, "test"), Held()
    held.go.set()
    for event in [submit(pool, held) for _ in range(4)]:
        event.wait()
    del pool
    gc.collect()
    for thread in held.threads:
        thread.join()


def test_a_handler_is_wrapped_once_until_another_one_comes() -> None:
    made: list[tuple[Handler, str]] = []

    def wrap(handler: Handler, method: str) -> Handler:
        made.append((handler, method))
        return handler._replace(response_serializer=bytes)  # type: ignore[attr-defined,no-any-return]

    wrapped = WrappedOnce(wrap)
    one, other = (grpc.unary_unary_rpc_method_handler(lambda request, context: request) for _ in range(2))
    assert wrapped(one, "/a/B") is wrapped(one, "/a/B")
    assert wrapped(one, "/a/C") is not wrapped(one, "/a/B")
    assert wrapped(other, "/a/B") is not wrapped(one, "/a/C")
    assert made == [(one, "/a/B"), (one, "/a/C"), (other, "/a/B")]
    for number in range(1000):
        wrapped(one, f"/a/{number}")
    assert len(wrapped._known) <= 256
