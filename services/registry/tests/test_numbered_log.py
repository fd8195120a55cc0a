"""A log that many write to: every record once, in one row without gaps, whoever reads it from wherever."""

from __future__ import annotations

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_registry import layout, numbered_log
from model_registry.numbered_log import NumberedLog
from pipit.errors import Unavailable
from pipit.storage import LocalStore, ObjectStore

FOLDER = "labels/test.sounds/events/"
COPIES = 4


def record(number: int) -> bytes:
    return f'{{"n":{number}}}'.encode()


@pytest.fixture(autouse=True)
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbered_log, "PACK", 8)


def test_of_copies_that_write_at_once_none_loses_or_doubles_a_record(any_store: ObjectStore) -> None:
    each = 20
    logs = [NumberedLog(any_store, FOLDER) for _ in range(COPIES)]
    seen: list[bytes] = []

    def write(copy: int) -> list[int]:
        return [logs[copy].append(record(copy * each + index)) for index in range(each)]

    def follow() -> None:
        # As a reader does that asks for what is new again and again.
        reader = NumberedLog(any_store, FOLDER)
        while len(seen) < COPIES * each:
            for number, data in reader.read(len(seen)):
                assert number == len(seen) + 1
                seen.append(data)

    with ThreadPoolExecutor(COPIES + 1) as pool:
        following = pool.submit(follow)
        numbers = list(pool.map(write, range(COPIES)))
        following.result(timeout=60)
    assert sorted(number for of_one in numbers for number in of_one) == list(range(1, COPIES * each + 1))
    assert all(of_one == sorted(of_one) for of_one in numbers)
    assert sorted(seen) == sorted(record(number) for number in range(COPIES * each))
    assert logs[0].pack() == COPIES * each // 8
    assert [data for _, data in NumberedLog(any_store, FOLDER).read(0)] == seen


@settings(max_examples=15, deadline=None)
@given(count=st.integers(0, 30), packed=st.integers(0, 30), after=st.integers(0, 33))
def test_it_reads_the_same_from_anywhere_packed_or_not(count: int, packed: int, after: int) -> None:
    root = Path(tempfile.mkdtemp())
    try:
        store = LocalStore(root)
        log = NumberedLog(store, FOLDER)
        for number in range(1, count + 1):
            log.append(record(number))
            if number == packed:
                log.pack()
        assert NumberedLog(store, FOLDER).find_end() == count
        expected = [(number, record(number)) for number in range(after + 1, count + 1)]
        assert list(NumberedLog(store, FOLDER).read(after)) == expected
    finally:
        shutil.rmtree(root)


def test_a_pack_stands_in_for_its_records(store: LocalStore) -> None:
    log = NumberedLog(store, FOLDER)
    for number in range(1, 20):
        log.append(record(number))
    assert (log.pack(), log.pack()) == (2, 0)
    for number in range(1, 8):
        store.delete(layout.numbered(FOLDER, number))
    assert [number for number, _ in log.read(0)] == list(range(1, 20))


class LosesAnswers:
    """Stores, and says that it can't be reached."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.loses = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def create(self, key: str, data: bytes) -> str:
        etag = self._store.create(key, data)
        if self.loses:
            self.loses = False
            raise Unavailable("the store's answer got lost")
        return etag


def test_a_record_whose_answer_got_lost_is_known_again(store: LocalStore) -> None:
    log = NumberedLog(LosesAnswers(store), FOLDER)  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        log.append(b"mine")
    assert log.append(b"mine", lambda data: data == b"mine") == 1
    assert [data for _, data in log.read(0)] == [b"mine"]
    assert log.append(b"another") == 2
