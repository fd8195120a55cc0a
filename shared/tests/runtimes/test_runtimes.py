"""What holds for both runtimes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from time import process_time, thread_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pipit.errors import InvalidInput, Unavailable
from pipit.runtimes import TensorSpec, load_runtime

both = pytest.mark.parametrize("runtime", ["litert", "onnx"])


@pytest.fixture
def load(model_file):
    """load(name, runtime, **options); closed after the test."""
    loaded = []

    def call(name, runtime, **options):
        network = load_runtime(model_file(name, runtime), runtime, **options)
        loaded.append(network)
        return network

    yield call
    for network in loaded:
        network.close()


@both
def test_describes_and_runs_a_network(load, linear, runtime):
    network = load("linear", runtime)
    assert network.inputs == (TensorSpec("x", (2,), "float32"),)
    assert network.outputs == (TensorSpec("scores", (3,), "float32"),)
    x = np.array([[0.5, -1.5], [2.0, 1.0], [0.0, 0.0]], np.float32)
    answer = network.run({"x": x})
    assert list(answer) == ["scores"]
    assert answer["scores"].dtype == np.float32
    np.testing.assert_allclose(answer["scores"], linear(x), rtol=1e-6, atol=1e-6)


@both
def test_each_row_is_answered_as_if_it_were_alone(load, runtime):
    network = load("linear", runtime)
    x = np.random.default_rng(2).normal(size=(17, 2)).astype(np.float32)
    together = network.run({"x": x})["scores"]
    alone = np.concatenate([network.run({"x": row[np.newaxis]})["scores"] for row in x])
    np.testing.assert_allclose(together, alone, rtol=1e-6, atol=1e-6)


@both
def test_takes_rows_that_are_not_contiguous(load, linear, runtime):
    x = np.random.default_rng(2).normal(size=(2, 6)).astype(np.float32).T[::2]
    np.testing.assert_allclose(load("linear", runtime).run({"x": x})["scores"], linear(x), rtol=1e-6, atol=1e-6)


@both
def test_answers_share_no_memory(load, runtime):
    network = load("linear", runtime)
    first = network.run({"x": np.ones((1, 2), np.float32)})["scores"]
    kept = first.copy()
    second = network.run({"x": np.zeros((1, 2), np.float32)})["scores"]
    np.testing.assert_array_equal(first, kept)
    first[:] = 99.0
    np.testing.assert_allclose(second, [[0.5, 0.0, -0.5]])


@both
def test_runs_several_inputs_and_outputs(load, runtime):
    network = load("two_ports", runtime)
    dtype = {"litert": "float32", "onnx": "int64"}[runtime]
    assert set(network.inputs) == {TensorSpec("first", (3,), dtype), TensorSpec("second", (1,), dtype)}
    assert set(network.outputs) == {TensorSpec("sum", (3,), dtype), TensorSpec("product", (1,), dtype)}
    answer = network.run({"second": np.array([[10], [20]], dtype), "first": np.array([[1, 2, 3], [4, 5, 6]], dtype)})
    np.testing.assert_array_equal(answer["sum"], [[11, 12, 13], [24, 25, 26]])
    np.testing.assert_array_equal(answer["product"], [[6], [120]])


@both
def test_takes_inputs_of_any_size(load, runtime):
    network = load("any_size", runtime)
    layout = {"litert": (-1, -1, 1), "onnx": (1, -1, -1)}[runtime]
    assert network.inputs == (TensorSpec("x", layout, "float32"),)
    for height, width in ((4, 6), (8, 2), (4, 6)):
        x = np.arange(2 * height * width, dtype=np.float32).reshape(2, height, width)
        x = x[..., np.newaxis] if runtime == "litert" else x[:, np.newaxis]
        np.testing.assert_array_equal(
            network.run({"x": x})["maximum"], [[height * width - 1], [2 * height * width - 1]]
        )


@both
def test_sizes_that_the_network_cannot_take_are_refused_and_do_no_harm(load, runtime):
    network = load("in_fours", runtime)
    good = np.arange(8, dtype=np.float32)[np.newaxis]
    for _ in range(2):
        np.testing.assert_array_equal(network.run({"x": good})["maximum"], [7.0])
        for _ in range(2):
            with pytest.raises(InvalidInput, match="sizes"):
                network.run({"x": good[:, :7]})


@both
@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({}, "takes 'x', not nothing"),
        ({"y": np.zeros((1, 2), np.float32)}, "takes 'x', not 'y'"),
        ({"x": np.zeros((1, 2), np.float32), "y": np.zeros((1, 2), np.float32)}, "takes 'x', not 'x', 'y'"),
        ({"x": np.zeros((1, 3), np.float32)}, r"shape \(rows, 2\), not \(1, 3\)"),
        ({"x": np.zeros(2, np.float32)}, r"shape \(rows, 2\), not \(2\)"),
        ({"x": np.zeros((1, 1, 2), np.float32)}, r"shape \(rows, 2\), not \(1, 1, 2\)"),
        ({"x": np.zeros((1, 2), np.float64)}, "must be float32, not float64"),
        ({"x": np.zeros((1, 2), np.int8)}, "must be float32, not int8"),
        ({"x": np.array([["a", "b"]])}, "must be float32"),
        ({"x": np.zeros((0, 2), np.float32)}, "at least one"),
    ],
)
def test_refuses_tensors_that_do_not_fit(load, linear, runtime, tensors, message):
    network = load("linear", runtime)
    with pytest.raises(InvalidInput, match=message):
        network.run(tensors)
    x = np.ones((1, 2), np.float32)
    np.testing.assert_allclose(network.run({"x": x})["scores"], linear(x), rtol=1e-6, atol=1e-6)


@both
def test_refuses_inputs_with_different_numbers_of_rows(load, runtime):
    network = load("two_ports", runtime)
    dtype = network.inputs[0].dtype
    with pytest.raises(InvalidInput, match="same number of rows, at least one, not 1, 2"):
        network.run({"first": np.zeros((2, 3), dtype), "second": np.zeros((1, 1), dtype)})


@both
def test_refuses_a_network_of_a_fixed_batch(load, runtime):
    with pytest.raises(InvalidInput, match="batch axis"):
        load("fixed_batch", runtime)


@both
@pytest.mark.parametrize("instances", [1, 3])
def test_many_threads_get_the_answers_of_one(load, runtime, instances):
    network = load("linear", runtime, instances=instances)
    inputs = np.random.default_rng(4).normal(size=(400, 2, 2)).astype(np.float32)
    serial = [network.run({"x": x})["scores"] for x in inputs]
    with ThreadPoolExecutor(12) as pool:
        parallel = pool.map(lambda x: network.run({"x": x})["scores"], inputs)
        for alone, together in zip(serial, parallel, strict=True):
            np.testing.assert_array_equal(alone, together)


class Ticker(threading.Thread):
    """Needs the interpreter lock all the time, and notes how long it went without while this process computed.

    By the clock, a gap would also be what a busy machine, or a container's quota, stops the whole process for.
    """

    def __init__(self):
        super().__init__(daemon=True)
        self.ticking = threading.Event()
        self.done = False
        self.longest_gap = 0.0

    def run(self):
        last = process_time()
        while not self.done:
            now = process_time()
            self.longest_gap = max(self.longest_gap, now - last)
            last = now
            self.ticking.set()


def longest_gap_and_duration(call):
    """Seconds of the processor: that another thread waited for the lock in one piece, and that the call computed."""
    ticker = Ticker()
    ticker.start()
    assert ticker.ticking.wait(60)
    ticker.longest_gap = 0.0
    # By the clock, this thread may also wait for the lock after the call.
    begun = thread_time()
    call()
    duration = thread_time() - begun
    for _ in range(2):  # A tick that was under way may have looked at the clock before the call.
        ticker.ticking.clear()
        assert ticker.ticking.wait(60)
    gap = ticker.longest_gap
    ticker.done = True
    ticker.join(60)
    return gap, duration


def leaves_the_interpreter_lock(call):
    """A busy machine may stop the other thread as well, so one clear case of several tries is enough."""
    return any(gap < duration / 3 for gap, duration in (longest_gap_and_duration(call) for _ in range(8)))


def test_the_measure_sees_a_call_that_keeps_the_lock():
    assert not leaves_the_interpreter_lock(lambda: sum(range(6_000_000)))


@both
def test_run_leaves_the_interpreter_lock(load, runtime):
    network = load("heavy", runtime)
    x = np.zeros((1, *network.inputs[0].shape), np.float32)
    network.run({"x": x})
    assert leaves_the_interpreter_lock(lambda: network.run({"x": x}))


@both
def test_no_run_after_close(load, runtime):
    network = load("linear", runtime, instances=2)
    network.close()
    network.close()
    for _ in range(3):
        with pytest.raises(Unavailable, match="closed"):
            network.run({"x": np.zeros((1, 2), np.float32)})


@both
def test_runs_under_way_end_when_it_closes(load, runtime):
    network = load("heavy", runtime)
    x = np.zeros((1, *network.inputs[0].shape), np.float32)
    first_done = threading.Event()
    outcomes = []

    def keep_running():
        while True:
            try:
                outcomes.append(network.run({"x": x})["mean"].sum())
            except Unavailable as error:
                outcomes.append(error)
                return
            finally:
                first_done.set()

    threads = [threading.Thread(target=keep_running, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert first_done.wait(60)
    network.close()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert [outcome for outcome in outcomes if not isinstance(outcome, Unavailable)].count(0.0) >= 1
    assert sum(isinstance(outcome, Unavailable) for outcome in outcomes) == 3


ARRAYS = hnp.arrays(
    dtype=st.sampled_from([np.float32, np.float64, np.int8]),
    shape=hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3),
)


@both
def test_any_tensors_are_answered_or_refused(load, runtime):
    network = load("linear", runtime)

    @settings(max_examples=100, deadline=None)
    @given(st.dictionaries(st.sampled_from(["x", "y", ""]), ARRAYS, max_size=2))
    def check(tensors):
        try:
            scores = network.run(tensors)["scores"]
        except InvalidInput:
            return
        assert scores.shape == (tensors["x"].shape[0], 3)

    check()
