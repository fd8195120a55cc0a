from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep
from typing import Any

import pytest
from pipit.landmarks.memory import Asker, Findings


class Clock:
    """Seconds that stand still."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Looks:
    """Counts how often somebody looked, and gives that number."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        return self.count


def until_asked(findings: Findings, askers: int) -> None:
    """Waits until so many ask for "a", which somebody looks for."""
    end = monotonic() + 60
    while len(findings._searched["a"].told) < askers:
        assert monotonic() < end
        sleep(0.001)


def test_each_asker_is_told_once_and_pays_when_it_asks_again() -> None:
    findings, look = Findings(clock=Clock()), Looks()
    one, other, third = (Asker(findings) for _ in range(3))
    assert [asker.once("a", look, int) for asker in (one, other, third)] == [1, 1, 1]
    assert one.once("a", look, int) == 2
    assert other.once("a", look, int) == 2
    assert third.once("b", look, int) == 3
    assert len(findings) == 2


def test_nothing_is_kept_longer_than_it_says() -> None:
    clock, look = Clock(), Looks()
    findings = Findings(seconds=5.0, clock=clock)
    one, other = Asker(findings), Asker(findings)
    assert one.once("a", look, int) == 1
    clock.now += 4.9
    assert one.once("b", look, int) == 2
    assert len(findings) == 2
    clock.now += 0.1
    assert other.once("a", look, int) == 3
    assert other.once("b", look, int) == 2


def test_it_is_forgotten_though_nobody_asks_again() -> None:
    findings = Findings(seconds=0.01)
    Asker(findings).once("a", Looks(), int)
    Asker(findings).once("b", Looks(), int)
    end = monotonic() + 60
    while len(findings):
        assert monotonic() < end
        sleep(0.001)
    assert findings._bytes == 0


@pytest.mark.parametrize("bounds", [{"most": 3}, {"most_bytes": 30}])
def test_the_oldest_goes_where_there_are_many(bounds: dict[str, Any]) -> None:
    findings, look = Findings(clock=Clock(), **bounds), Looks()
    one, other = Asker(findings), Asker(findings)
    for key in "abcd":
        one.once(key, look, lambda _: 10)
    assert len(findings) == 3
    assert findings._bytes == 30
    assert [other.once(key, look, lambda _: 10) for key in "bcda"] == [2, 3, 4, 5]


def test_what_is_larger_than_all_that_may_be_kept_is_given_but_not_kept() -> None:
    findings = Findings(most_bytes=30)
    assert Asker(findings).once("a", Looks(), lambda _: 31) == 1
    assert (len(findings), findings._bytes) == (0, 0)


def test_who_asks_while_somebody_looks_waits_and_looks_not() -> None:
    findings, begun, go_on = Findings(), threading.Event(), threading.Event()
    looks = Looks()

    def slow() -> int:
        begun.set()
        assert go_on.wait(60)
        return looks()

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(Asker(findings).once, "a", slow, int)
        assert begun.wait(60)
        others = [threads.submit(Asker(findings).once, "a", slow, int) for _ in range(2)]
        until_asked(findings, 3)
        go_on.set()
        assert [future.result() for future in (first, *others)] == [1, 1, 1]
    assert looks.count == 1


def test_where_no_thread_can_be_started_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, begun, go_on, look = Clock(), threading.Event(), threading.Event(), Looks()
    findings = Findings(clock=clock)

    def look_slowly() -> int:
        begun.set()
        assert go_on.wait(60)
        return look()

    def refuse(timer: threading.Timer) -> None:
        raise RuntimeError("can't start new thread")

    one, other = Asker(findings), Asker(findings)
    told: list[int] = []
    looks = threading.Thread(target=lambda: told.append(one.once("a", look_slowly, int)), daemon=True)
    waits = threading.Thread(target=lambda: told.append(other.once("a", look, int)), daemon=True)
    looks.start()
    assert begun.wait(60)
    waits.start()
    until_asked(findings, 2)
    monkeypatch.setattr(threading.Timer, "start", refuse)
    go_on.set()
    for thread in (looks, waits):
        thread.join(30)
    assert told == [1, 1]
    # The next look forgets what is old.
    clock.now += 60.0
    assert one.once("b", look, int) == 2
    assert len(findings) == 1


def test_a_failure_is_the_askers_own_and_the_next_one_looks_itself() -> None:
    findings, begun, go_on = Findings(clock=Clock()), threading.Event(), threading.Event()

    def failing() -> int:
        begun.set()
        assert go_on.wait(60)
        raise ValueError("no")

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(Asker(findings).once, "a", failing, int)
        assert begun.wait(60)
        second = threads.submit(Asker(findings).once, "a", failing, int)
        third = threads.submit(Asker(findings).once, "a", Looks(), int)
        until_asked(findings, 3)
        go_on.set()
        assert isinstance(first.exception(), ValueError)
        # Whichever of the two came first, the other one was not harmed by it.
        failed = second.exception()
        assert third.result() == 1
        assert failed is None or failed is not first.exception()
    assert len(findings) == 1


def test_one_asker_in_two_threads_looks_twice_and_others_are_told_of_the_last() -> None:
    findings, inside, go_on = Findings(clock=Clock()), threading.Semaphore(0), threading.Event()
    one, other = Asker(findings), Asker(findings)
    looks = Looks()

    def slow() -> int:
        inside.release()
        assert go_on.wait(60)
        return looks()

    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(one.once, "a", slow, int) for _ in range(2)]
        assert inside.acquire(timeout=60)
        assert inside.acquire(timeout=60)
        go_on.set()
        assert sorted(future.result() for future in both) == [1, 2]
    assert other.once("a", looks, int) in (1, 2)
    assert looks.count == 2
    assert len(findings) == 1
