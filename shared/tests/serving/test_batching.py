from __future__ import annotations

import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pipit.errors import DeadlineExceeded, InvalidInput
from pipit.serving import batching
from pipit.serving.batching import Batcher
from pipit.types import Tensors

FOREVER = 30.0


class Recorder:
    """A network that doubles its input, and keeps the number of rows of each run."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def __call__(self, tensors: Tensors) -> dict[str, NDArray[Any]]:
        self.rows.append(len(tensors["x"]))
        return {"y": tensors["x"] * 2}


def rows(*values: float) -> dict[str, NDArray[Any]]:
    return {"x": np.array(values, np.float32).reshape(-1, 1)}


def test_a_caller_that_is_alone_does_not_wait() -> None:
    network = Recorder()
    batcher = Batcher(network, max_rows=8, max_delay=FOREVER, has_company=lambda: False)
    outputs, waited, batch = batcher.run(rows(1, 2), 2)
    assert outputs["y"].ravel().tolist() == [2.0, 4.0]
    assert (batch, network.rows) == (2, [2])
    assert waited < FOREVER


def test_callers_share_one_run_and_each_gets_its_own_rows() -> None:
    network = Recorder()
    batcher = Batcher(network, max_rows=6, max_delay=FOREVER, has_company=lambda: True)
    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(batcher.run, rows(n, n + 0.5), 2) for n in range(3)]
        results = [answer.result(FOREVER) for answer in answers]
    assert [outputs["y"].ravel().tolist() for outputs, _, _ in results] == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert network.rows == [6]
    assert sorted(batch for _, _, batch in results) == [0, 0, 6]


def test_the_delay_ends_the_wait() -> None:
    network = Recorder()
    batcher = Batcher(network, max_rows=8, max_delay=0.01, has_company=lambda: True)
    outputs, waited, batch = batcher.run(rows(3), 1)
    assert outputs["y"].tolist() == [[6.0]]
    assert (batch, network.rows) == (1, [1])
    assert waited > 0.0


def test_rows_that_do_not_fit_open_the_next_batch_and_end_the_wait_of_this_one() -> None:
    network = Recorder()
    batcher = Batcher(network, max_rows=4, max_delay=FOREVER, has_company=lambda: True)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(batcher.run, rows(1, 2, 3), 3)
        while not batcher._open:
            pass
        second = pool.submit(batcher.run, rows(4, 5), 2)
        assert first.result(FOREVER)[0]["y"].ravel().tolist() == [2.0, 4.0, 6.0]
        third = pool.submit(batcher.run, rows(6, 7), 2)
        assert second.result(FOREVER)[0]["y"].ravel().tolist() == [8.0, 10.0]
        assert third.result(FOREVER)[0]["y"].ravel().tolist() == [12.0, 14.0]
    assert network.rows == [3, 4]


def test_only_equal_shapes_and_types_share_a_run() -> None:
    network = Recorder()
    batcher = Batcher(network, max_rows=2, max_delay=0.05, has_company=lambda: True)
    wide = {"x": np.ones((1, 2), np.float32)}
    exact = {"x": np.ones((1, 1), np.float64)}
    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(batcher.run, tensors, 1) for tensors in (rows(1), wide, exact)]
        shapes = [answer.result(FOREVER)[0]["y"] for answer in answers]
    assert [(values.shape, values.dtype.name) for values in shapes] == [
        ((1, 1), "float32"),
        ((1, 2), "float32"),
        ((1, 1), "float64"),
    ]
    assert network.rows == [1, 1, 1]


def test_an_error_reaches_every_caller_and_the_next_batch_runs() -> None:
    broken = threading.Event()
    broken.set()
    network = Recorder()

    def run(tensors: Tensors) -> dict[str, NDArray[Any]]:
        if broken.is_set():
            raise InvalidInput("not these")
        return network(tensors)

    batcher = Batcher(run, max_rows=2, max_delay=FOREVER, has_company=lambda: True)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(batcher.run, rows(n), 1) for n in range(2)]
        for answer in answers:
            with pytest.raises(InvalidInput, match="not these"):
                answer.result(FOREVER)
    broken.clear()
    assert Batcher.run(batcher, rows(1, 2), 2)[0]["y"].ravel().tolist() == [2.0, 4.0]


class Refusal(Exception):
    """One whose constructor takes something else than its message."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


@pytest.mark.parametrize("error", [InvalidInput("not these"), Refusal(7, "not these"), OSError(5, "not these")])
def test_each_caller_gets_an_exception_of_its_own(error: Exception) -> None:
    def run(tensors: Tensors) -> dict[str, NDArray[Any]]:
        raise error

    batcher = Batcher(run, max_rows=3, max_delay=FOREVER, has_company=lambda: True)
    with ThreadPoolExecutor(3) as pool:
        raised = [answer.exception(FOREVER) for answer in [pool.submit(batcher.run, rows(n), 1) for n in range(3)]]
    assert [(type(each), str(each), vars(each)) for each in raised] == [(type(error), str(error), vars(error))] * 3
    assert len({id(each) for each in [*raised, error]}) == 4
    assert all(each is not None and each.__cause__ is error for each in raised)
    # The one that they came from has been where the network ran, and nowhere else.
    assert [frame.name for frame in traceback.extract_tb(error.__traceback__)] == ["_lead", "run"]


class Held(Recorder):
    """A network that runs as soon as it may."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.may_run = threading.Event()

    def __call__(self, tensors: Tensors) -> dict[str, NDArray[Any]]:
        self.begun.set()
        assert self.may_run.wait(FOREVER)
        return super().__call__(tensors)


def test_a_caller_that_joined_waits_no_longer_than_it_may_and_the_batch_goes_on() -> None:
    network = Held()
    batcher = Batcher(network, max_rows=3, max_delay=FOREVER, has_company=lambda: True)
    with ThreadPoolExecutor(3) as pool:
        leader = pool.submit(batcher.run, rows(1), 1)
        while not batcher._open:
            pass
        patient = pool.submit(batcher.run, rows(2), 1, monotonic() + FOREVER)
        hasty = pool.submit(batcher.run, rows(3), 1, monotonic() + 0.05)
        with pytest.raises(DeadlineExceeded, match="while the request ran with others"):
            hasty.result(FOREVER)
        network.may_run.set()
        assert leader.result(FOREVER)[0]["y"].tolist() == [[2.0]]
        assert patient.result(FOREVER)[0]["y"].tolist() == [[4.0]]
    assert network.rows == [3]


@pytest.fixture
def leader_waits(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once a leader waits for others; for how long, it has settled by then."""
    waits = threading.Event()

    class Full(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.set()
            return super().wait(timeout)

    class Batch(batching._Batch):
        def __init__(self) -> None:
            super().__init__()
            self.full = Full()

    monkeypatch.setattr(batching, "_Batch", Batch)
    return waits


def test_a_leader_that_is_late_runs_for_those_who_joined(
    monkeypatch: pytest.MonkeyPatch, leader_waits: threading.Event
) -> None:
    network = Recorder()
    batcher = Batcher(network, max_rows=2, max_delay=FOREVER, has_company=lambda: True)
    deadline = monotonic() + FOREVER
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(batcher.run, rows(1), 1, deadline)
        assert leader_waits.wait(FOREVER)
        # Its time is over before the one who joins has made the batch full.
        monkeypatch.setattr(batching, "monotonic", lambda: deadline)
        joined = pool.submit(batcher.run, rows(2), 1, deadline + FOREVER)
        assert joined.result(FOREVER)[0]["y"].tolist() == [[4.0]]
        with pytest.raises(DeadlineExceeded, match="waited for others"):
            leader.result(FOREVER)
    assert network.rows == [2]


def test_nobody_runs_if_everybody_is_late(monkeypatch: pytest.MonkeyPatch, leader_waits: threading.Event) -> None:
    network = Recorder()
    batcher = Batcher(network, max_rows=2, max_delay=FOREVER, has_company=lambda: True)
    deadline = monotonic() + FOREVER
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(batcher.run, rows(1), 1, deadline)
        assert leader_waits.wait(FOREVER)
        monkeypatch.setattr(batching, "monotonic", lambda: deadline)
        joined = pool.submit(batcher.run, rows(2), 1, deadline)
        for answer in (leader, joined):
            with pytest.raises(DeadlineExceeded):
                answer.result(FOREVER)
    assert network.rows == []
    monkeypatch.undo()
    # What comes next is not held up by it.
    assert batcher.run(rows(3, 4), 2)[0]["y"].ravel().tolist() == [6.0, 8.0]


@pytest.mark.parametrize(("left", "wait"), [(10.0, 5.0), (100.0, FOREVER)])
def test_a_leader_keeps_half_of_its_time_for_the_run(monkeypatch: pytest.MonkeyPatch, left: float, wait: float) -> None:
    waits: list[float | None] = []

    class Unfilled(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            return False

    class Batch(batching._Batch):
        def __init__(self) -> None:
            super().__init__()
            self.full = Unfilled()

    monkeypatch.setattr(batching, "_Batch", Batch)
    monkeypatch.setattr(batching, "monotonic", lambda: 1000.0)
    batcher = Batcher(Recorder(), max_rows=2, max_delay=FOREVER, has_company=lambda: True)
    assert batcher.run(rows(1), 1, 1000.0 + left)[0]["y"].tolist() == [[2.0]]
    assert waits == [wait]


def test_a_run_that_ends_its_thread_leaves_nobody_waiting() -> None:
    def run(tensors: Tensors) -> dict[str, NDArray[Any]]:
        raise SystemExit(3)

    batcher = Batcher(run, max_rows=2, max_delay=FOREVER, has_company=lambda: True)
    with ThreadPoolExecutor(2) as pool:
        raised = [answer.exception(FOREVER) for answer in [pool.submit(batcher.run, rows(n), 1) for n in range(2)]]
    assert sorted(type(each).__name__ for each in raised) == ["RuntimeError", "SystemExit"]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.integers(1, 8))
def test_whoever_comes_together_gets_what_each_would_get_alone(sizes: list[int], max_rows: int) -> None:
    batcher = Batcher(Recorder(), max_rows=max_rows, max_delay=0.001, has_company=lambda: True)
    inputs = [rows(*(100 * caller + row for row in range(size))) for caller, size in enumerate(sizes)]
    with ThreadPoolExecutor(len(sizes)) as pool:
        answers = [pool.submit(batcher.run, tensors, len(tensors["x"])) for tensors in inputs]
        for tensors, answer in zip(inputs, answers, strict=True):
            np.testing.assert_array_equal(answer.result(FOREVER)[0]["y"], tensors["x"] * 2)
