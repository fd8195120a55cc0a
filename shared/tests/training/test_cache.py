from __future__ import annotations

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
