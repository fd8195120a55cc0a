"""Users of one network share its interpreters."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pipit.runtimes.litert
import pipit.runtimes.onnx
import pytest
from pipit.errors import InvalidInput, Unavailable
from pipit.runtimes import load_runtime

ROW = {"x": np.array([[1.0, 2.0]], np.float32)}
Load = Callable[..., Any]


@pytest.fixture
def interpreters(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files of all LiteRT interpreters that are made from now on."""
    made: list[str] = []

    class Counted(pipit.runtimes.litert.Interpreter):  # type: ignore[misc]
        def __init__(self, path: str, **options: Any) -> None:
            made.append(path)
            super().__init__(path, **options)

    monkeypatch.setattr(pipit.runtimes.litert, "Interpreter", Counted)
    return made


@pytest.fixture
def network(litert_models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(litert_models / "linear.tflite", tmp_path / "one.tflite"))


@pytest.fixture
def load() -> Iterator[Load]:
    """load_runtime; all are closed after the test."""
    loaded = []

    def call(path: Path, runtime: str = "litert", **options: int) -> Any:
        loaded.append(load_runtime(path, runtime, **options))
        return loaded[-1]

    yield call
    for one in loaded:
        one.close()


def test_the_same_content_is_loaded_once_wherever_it_lies(
    network: Path, load: Load, interpreters: list[str], tmp_path: Path
) -> None:
    copy = Path(shutil.copy(network, tmp_path / "copy.tflite"))
    first, second = load(network), load(copy)
    assert interpreters == [str(network)]
    assert first.digest == second.digest
    np.testing.assert_array_equal(first.run(ROW)["scores"], second.run(ROW)["scores"])
    assert (first.inputs, first.outputs, first.batches) == (second.inputs, second.outputs, second.batches)


def test_other_content_and_other_threads_are_other_pools(
    network: Path, litert_models: Path, load: Load, interpreters: list[str]
) -> None:
    one, two, other = load(network), load(network, threads=2), load(litert_models / "linear_int8.tflite")
    assert len(interpreters) == 3
    assert one.digest == two.digest != other.digest


def test_who_closes_ends_nobody_elses_use_and_the_last_one_frees(
    network: Path, load: Load, interpreters: list[str]
) -> None:
    first, second = load(network), load(network)
    first.close()
    first.close()  # Counts once.
    with pytest.raises(Unavailable, match="closed"):
        first.run(ROW)
    network.unlink()
    assert second.run(ROW)["scores"].shape == (1, 3)
    pool = second._pool.interpreters
    second.close()
    with pytest.raises(Unavailable, match="closed"):
        second.run(ROW)
    with pytest.raises(Unavailable, match="closed"):
        pool.run(ROW)
    assert len(interpreters) == 1


def test_after_the_last_one_it_is_loaded_anew(network: Path, load: Load, interpreters: list[str]) -> None:
    load(network).close()
    assert load(network).run(ROW)["scores"].shape == (1, 3)
    assert len(interpreters) == 2


def test_the_pool_grows_to_what_the_most_demanding_user_asks_for(
    litert_models: Path, load: Load, interpreters: list[str], tmp_path: Path
) -> None:
    path = Path(shutil.copy(litert_models / "linear.tflite", tmp_path / "first.tflite"))
    copy = Path(shutil.copy(path, tmp_path / "second.tflite"))
    first = load(path, instances=2)
    path.unlink()  # As a cache deletes the bundle that the first user had.
    load(copy, instances=1)
    assert len(interpreters) == 2
    load(copy, instances=3)
    assert interpreters == [str(path)] * 2 + [str(copy)]
    # All three are at work at once: each run waits, with its interpreter, for the two others.
    pool = first._pool.interpreters
    together = threading.Barrier(3)
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(lambda _: _hold(pool, together), range(3))) == [True] * 3


def _hold(pool: Any, together: threading.Barrier) -> bool:
    with pool._borrowed():
        together.wait(60)
    return True


def test_who_comes_while_it_is_loaded_waits_for_that(
    network: Path, load: Load, interpreters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make, begun, go_on = pipit.runtimes.litert.LiteRTRuntime, threading.Event(), threading.Event()

    def slow(*arguments: Any) -> Any:
        begun.set()
        assert go_on.wait(60)
        return make(*arguments)

    monkeypatch.setattr(pipit.runtimes.litert, "LiteRTRuntime", slow)
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(load, network) for _ in range(4)]
        assert begun.wait(60)
        go_on.set()
        loaded = [future.result() for future in futures]
    assert len(interpreters) == 1
    for one in loaded[:3]:
        one.close()
    assert loaded[3].run(ROW)["scores"].shape == (1, 3)


def test_a_failure_is_each_ones_own_and_leaves_nothing_behind(
    network: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, begun, go_on = pipit.runtimes.litert.LiteRTRuntime, threading.Event(), threading.Event()

    def failing(*arguments: Any) -> Any:
        begun.set()
        assert go_on.wait(60)
        raise InvalidInput("no network")

    monkeypatch.setattr(pipit.runtimes.litert, "LiteRTRuntime", failing)
    with ThreadPoolExecutor(3) as threads:
        futures = [threads.submit(load, network) for _ in range(3)]
        assert begun.wait(60)
        go_on.set()
        errors = [future.exception() for future in futures]
    assert all(isinstance(error, InvalidInput) for error in errors)
    assert len({id(error) for error in errors}) == 3
    monkeypatch.setattr(pipit.runtimes.litert, "LiteRTRuntime", make)
    assert load(network).run(ROW)["scores"].shape == (1, 3)


def test_a_pool_that_can_not_grow_serves_on(network: Path, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(network)

    def out_of_memory(path: str, **options: Any) -> Any:
        raise RuntimeError("no memory")

    monkeypatch.setattr(pipit.runtimes.litert, "Interpreter", out_of_memory)
    with pytest.raises(InvalidInput, match="no memory"):
        load(network, instances=2)
    assert first.run(ROW)["scores"].shape == (1, 3)
    first.close()
    with pytest.raises(InvalidInput, match="no memory"):
        load(network)  # The failed user is not counted, so the pool is gone.


def test_onnx_sessions_are_shared_too(onnx_models: Path, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = []
    make = pipit.runtimes.onnx.onnxruntime.InferenceSession

    def counted(*arguments: Any, **options: Any) -> Any:
        sessions.append(arguments[0])
        return make(*arguments, **options)

    monkeypatch.setattr(pipit.runtimes.onnx.onnxruntime, "InferenceSession", counted)
    path = onnx_models / "linear.onnx"
    first, second = load(path, "onnx"), load(path, "onnx", instances=4)
    first.close()
    assert second.run(ROW)["scores"].shape == (1, 3)
    assert sessions == [str(path)]
