from __future__ import annotations

import threading
from time import monotonic

import pytest
from pipit.errors import DeadlineExceeded, QueueFull
from pipit.rpc import callers as known
from pipit.rpc.auth import Tokens
from pipit.serving.admission import Admission
from tiny_server import Until


class Caller(threading.Thread):
    """Enters, and leaves once it is told to."""

    def __init__(
        self, admission: Admission, order: list[str], name: str, who: known.Caller = known.ANYBODY, **options: object
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._who = who
        self._admission = admission
        self._order = order
        self._options = options
        self.leave = threading.Event()
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        known.calls_here(self._who)
        try:
            self._admission.enter(**self._options)  # type: ignore[arg-type]
        except Exception as error:
            self.error = error
            return
        self._order.append(self.name)
        assert self.leave.wait(30)
        self._admission.leave()


def callers_in_line(admission: Admission, order: list[str], names: str, until: Until) -> list[Caller]:
    """Each comes once the one before it has its place, or waits for it."""
    callers = []
    for number, name in enumerate(names):
        callers.append(Caller(admission, order, name))
        until(lambda number=number: admission.running + admission.waiting == number + 1)
    return callers


def test_places_are_handed_over_in_the_order_of_arrival(until: Until) -> None:
    admission, order = Admission(places=1, queue=3), list[str]()
    callers = callers_in_line(admission, order, "abcd", until)
    assert (admission.running, admission.waiting) == (1, 3)
    for number, caller in enumerate(callers):
        until(lambda number=number: len(order) == number + 1)
        caller.leave.set()
        caller.join(30)
    assert order == ["a", "b", "c", "d"]
    assert (admission.running, admission.waiting) == (0, 0)


def test_more_places_let_those_in_who_wait_longest_and_fewer_nobody_until_enough_have_left(until: Until) -> None:
    admission, order = Admission(places=1, queue=4), list[str]()
    callers = callers_in_line(admission, order, "abcde", until)
    admission.widen(2)
    until(lambda: len(order) == 3)
    assert sorted(order) == ["a", "b", "c"]
    assert (admission.running, admission.waiting) == (3, 2)
    admission.widen(-2)
    for caller in callers[:2]:
        caller.leave.set()
        caller.join(30)
    # One place is left, and the third has it.
    assert (admission.running, admission.waiting, len(order)) == (1, 2, 3)
    for number, caller in enumerate(callers[2:]):
        until(lambda number=number: len(order) == number + 3)
        caller.leave.set()
        caller.join(30)
    assert order[3:] == ["d", "e"]
    assert (admission.running, admission.waiting) == (0, 0)


def test_one_too_many_is_refused_at_once(until: Until) -> None:
    admission, order = Admission(places=2, queue=1), list[str]()
    callers = [Caller(admission, order, name) for name in "abc"]
    until(lambda: (admission.running, admission.waiting) == (2, 1))
    with pytest.raises(QueueFull, match="2 requests run and 1 wait"):
        admission.enter()
    for caller in callers:
        caller.leave.set()
        caller.join(30)
    admission.enter()
    admission.leave()
    assert admission.running == 0


def test_those_with_a_limit_of_their_own_wait_all_the_same(until: Until) -> None:
    admission, order = Admission(places=1, queue=0), list[str]()
    first = Caller(admission, order, "first")
    until(lambda: admission.running == 1)
    stream = Caller(admission, order, "stream", bounded=False)
    until(lambda: admission.waiting == 1)
    first.leave.set()
    until(lambda: order == ["first", "stream"])
    stream.leave.set()
    stream.join(30)
    assert stream.error is None


def test_a_deadline_that_is_over_takes_no_place() -> None:
    admission = Admission(places=1, queue=1)
    with pytest.raises(DeadlineExceeded, match="before work began"):
        admission.enter(deadline=monotonic())
    assert (admission.running, admission.waiting) == (0, 0)


def test_a_deadline_ends_the_wait(until: Until, monkeypatch: pytest.MonkeyPatch) -> None:
    admission, order = Admission(places=1, queue=2), list[str]()
    first = Caller(admission, order, "first")
    until(lambda: admission.running == 1)
    # It is not over when the caller comes, however slow the machine is.
    monkeypatch.setattr("pipit.serving.admission.monotonic", iter((0.0, 0.9)).__next__)
    with pytest.raises(DeadlineExceeded, match="waited for its turn"):
        admission.enter(deadline=1.0)
    assert admission.waiting == 0
    first.leave.set()
    first.join(30)
    assert admission.running == 0


def test_the_work_of_a_caller_that_left_is_dropped_and_the_next_has_its_turn(until: Until) -> None:
    admission, order = Admission(places=1, queue=2), list[str]()
    first = Caller(admission, order, "first")
    until(lambda: admission.running == 1)
    gone = Caller(admission, order, "gone", is_wanted=lambda: False)
    until(lambda: admission.waiting == 1)
    last = Caller(admission, order, "last")
    until(lambda: admission.waiting == 2)
    first.leave.set()
    until(lambda: order == ["first", "last"])
    gone.join(30)
    assert isinstance(gone.error, DeadlineExceeded)
    last.leave.set()
    last.join(30)
    assert (admission.running, admission.waiting) == (0, 0)


def test_no_place_is_lost_or_made_under_load() -> None:
    places = 3
    admission = Admission(places, queue=4)
    lock, inside, most, refused = threading.Lock(), 0, 0, 0

    def work(number: int) -> None:
        nonlocal inside, most, refused
        for attempt in range(300):
            deadline = monotonic() + 0.0005 if (number + attempt) % 3 == 0 else None
            try:
                admission.enter(deadline)
            except (QueueFull, DeadlineExceeded):
                with lock:
                    refused += 1
                continue
            with lock:
                inside += 1
                most = max(most, inside)
            with lock:
                inside -= 1
            admission.leave()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (admission.running, admission.waiting) == (0, 0)
    assert 1 <= most <= places


def test_one_of_several_callers_fills_three_quarters_of_the_queue(until: Until) -> None:
    anna, ben = (known.Caller(name, frozenset(known.Role)) for name in ("anna", "ben"))
    admission, order = Admission(1, 4, share=Tokens({"a": anna, "b": ben}).share), list[str]()
    callers = [Caller(admission, order, "runs", anna)]
    until(lambda: order == ["runs"])
    for count in range(3):
        callers.append(Caller(admission, order, f"anna {count}", anna))
        until(lambda count=count: admission.waiting == count + 1)  # type: ignore[misc]
    refused = Caller(admission, order, "refused", anna)
    refused.join(30)
    assert isinstance(refused.error, QueueFull)
    assert "3 requests of anna wait" in str(refused.error)
    callers.append(Caller(admission, order, "ben", ben))
    until(lambda: admission.waiting == 4)
    # What waits no longer is given back to the share.
    for one in callers:
        one.leave.set()
        one.join(30)
    assert order == ["runs", "anna 0", "anna 1", "anna 2", "ben"]
    again = [Caller(admission, order, "anna again", anna)]
    until(lambda: admission.running == 1)
    again[0].leave.set()
    again[0].join(30)
