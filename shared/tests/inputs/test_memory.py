from __future__ import annotations

import threading
from time import monotonic

import pytest
from pipit.errors import InputTooLarge, QueueFull
from pipit.inputs.memory import Budget, room_for


def test_nothing_is_counted_outside_of_a_request() -> None:
    with room_for(1 << 60, 1 << 60) as room:
        room.more(1 << 60)


def test_what_a_file_leaves_counts_until_the_request_ends() -> None:
    budget = Budget(100)
    with budget.request():
        with room_for(60, 20):
            assert budget.used == 60
        assert budget.used == 20
        with room_for(50, 10) as room:
            room.more(5)
            assert budget.used == 75
        assert budget.used == 30
    assert budget.used == 0


def test_a_failure_gives_everything_back() -> None:
    budget = Budget(100)
    with budget.request():
        with pytest.raises(ZeroDivisionError), room_for(60, 20):
            raise ZeroDivisionError
        assert budget.used == 0


def test_what_never_fits_is_refused_at_once() -> None:
    budget = Budget(100)
    with budget.request(), pytest.raises(InputTooLarge, match="the limit is 1 MiB"), room_for(101, 0):
        pass
    assert budget.used == 0


def test_who_holds_something_does_not_wait() -> None:
    """Two that each hold half and want the other's would wait for each other."""
    budget = Budget(100)
    budget.take(40, until=None)
    with budget.request(deadline=monotonic() + 3600):
        with room_for(60, 60):
            pass
        with pytest.raises(QueueFull, match="try later"), room_for(1, 0):
            pass
    assert budget.used == 40


def test_who_does_not_wait_stands_in_no_line() -> None:
    budget = Budget(100)
    budget.take(40, until=None)
    with budget.request(waits=False):
        with room_for(60, 0):
            pass
        with pytest.raises(QueueFull), room_for(61, 0):
            pass
    assert (budget.waiting, budget.used) == (0, 40)


def test_a_deadline_ends_the_wait() -> None:
    budget = Budget(100)
    budget.take(100, until=None)
    with budget.request(deadline=monotonic() + 0.01), pytest.raises(QueueFull), room_for(1, 0):
        pass
    assert (budget.used, budget.waiting) == (100, 0)


def test_a_small_one_does_not_overtake_a_large_one_that_waits() -> None:
    budget = Budget(100)
    budget.take(60, until=None)
    came: list[int] = []

    def want(size: int) -> None:
        with budget.request(deadline=monotonic() + 60), room_for(size, 0):
            came.append(size)

    threads = []
    for waiting, size in enumerate((90, 10), start=1):
        threads.append(threading.Thread(target=want, args=(size,)))
        threads[-1].start()
        while budget.waiting < waiting:
            threading.Event().wait(0.001)
    # There would be room for the small one.
    assert came == []
    budget.give(60)
    for thread in threads:
        thread.join()
    assert sorted(came) == [10, 90]
    assert (budget.used, budget.waiting) == (0, 0)


def test_who_gives_up_lets_those_behind_pass() -> None:
    budget = Budget(100)
    budget.take(60, until=None)
    came = threading.Event()

    def large() -> None:
        with budget.request(deadline=monotonic() + 0.2), pytest.raises(QueueFull), room_for(90, 0):
            pass

    def small() -> None:
        with budget.request(deadline=monotonic() + 60), room_for(10, 0):
            came.set()

    threads: list[threading.Thread] = []
    while not budget.waiting:
        # On a busy machine one may have given up before anybody looks.
        if not any(thread.is_alive() for thread in threads):
            threads.append(threading.Thread(target=large))
            threads[-1].start()
        threading.Event().wait(0.001)
    threads.append(threading.Thread(target=small))
    threads[-1].start()
    assert came.wait(30)
    for thread in threads:
        thread.join()
    assert budget.used == 60
