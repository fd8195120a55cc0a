from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pipit.training.cache import ArrayCache


class Maker:
    """Counts how often it is asked."""

    def __init__(self, values: NDArray[np.float32]) -> None:
        self.values = values
        self.calls = 0

    def __call__(self) -> NDArray[np.float32]:
        self.calls += 1
        return self.values


VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_an_array_is_made_once(tmp_path: Path) -> None:
    make = Maker(VALUES)
    key = {"clip": "a" * 64, "bands": 128}
    first = ArrayCache(tmp_path).get(key, make)
    again = ArrayCache(tmp_path).get(dict(reversed(key.items())), make)
    assert make.calls == 1
    np.testing.assert_array_equal(first, VALUES)
    np.testing.assert_array_equal(again, VALUES)
    assert again.dtype == np.float32


def test_another_key_is_another_array(tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path)
    cache.get({"bands": 128}, Maker(VALUES))
    np.testing.assert_array_equal(cache.get({"bands": 64}, Maker(VALUES + 1)), VALUES + 1)


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"no array at all"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    cache, make = ArrayCache(tmp_path), Maker(VALUES)
    cache.get({"clip": "a"}, make)
    (path,) = tmp_path.rglob("*.npy")
    path.write_bytes(damage)
    np.testing.assert_array_equal(cache.get({"clip": "a"}, make), VALUES)
    assert make.calls == 2
    np.testing.assert_array_equal(np.load(path), VALUES)


def test_a_truncated_array_is_made_anew(tmp_path: Path) -> None:
    cache, make = ArrayCache(tmp_path), Maker(VALUES)
    cache.get({"clip": "a"}, make)
    (path,) = tmp_path.rglob("*.npy")
    path.write_bytes(path.read_bytes()[:-4])
    np.testing.assert_array_equal(cache.get({"clip": "a"}, make), VALUES)
    assert make.calls == 2


def test_what_fails_to_be_made_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> NDArray[np.float32]:
        raise RuntimeError("no clip")

    with pytest.raises(RuntimeError, match="no clip"):
        ArrayCache(tmp_path).get({"clip": "a"}, broken)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns wherever they can, within the parser too: whenever it collects garbage."""
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()

    def collected(phase: str, info: dict[str, int]) -> None:
        """Python's own code, in which another thread may go on."""

    gc.callbacks.append(collected)
    gc.set_threshold(5)
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)
    gc.callbacks.remove(collected)


def test_threads_may_share_it(tmp_path: Path, restless: None) -> None:
    cache, make = ArrayCache(tmp_path), Maker(VALUES)
    cache.get({"clip": "a"}, make)

    def read(depth: int) -> NDArray[np.float32]:
        return read(depth - 1) if depth else cache.get({"clip": "a"}, make)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, [10 * (number % 8) for number in range(2000)]))
    assert make.calls == 1
    for each in found:
        np.testing.assert_array_equal(each, VALUES)
