from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pipit.errors import InvalidInput
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


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.integers(1, 8))
def test_whoever_comes_together_gets_what_each_would_get_alone(sizes: list[int], max_rows: int) -> None:
    batcher = Batcher(Recorder(), max_rows=max_rows, max_delay=0.001, has_company=lambda: True)
    inputs = [rows(*(100 * caller + row for row in range(size))) for caller, size in enumerate(sizes)]
    with ThreadPoolExecutor(len(sizes)) as pool:
        answers = [pool.submit(batcher.run, tensors, len(tensors["x"])) for tensors in inputs]
        for tensors, answer in zip(inputs, answers, strict=True):
            np.testing.assert_array_equal(answer.result(FOREVER)[0]["y"], tensors["x"] * 2)
