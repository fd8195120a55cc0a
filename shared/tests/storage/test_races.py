"""Several writers at once, from threads and from processes: one creates, and no increment is lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pipit.errors import AlreadyExists, Conflict
from pipit.storage import ObjectStore

WRITERS = 8
INCREMENTS = 10


def test_one_of_racing_threads_creates(store: ObjectStore) -> None:
    for attempt in range(5):
        gate = threading.Barrier(WRITERS)

        def create(writer: int, gate: threading.Barrier = gate, key: str = f"versions/{attempt}") -> int | None:
            gate.wait()
            try:
                store.create(key, str(writer).encode() * 1000)
            except AlreadyExists:
                return None
            return writer

        with ThreadPoolExecutor(WRITERS) as pool:
            winners = [writer for writer in pool.map(create, range(WRITERS)) if writer is not None]

        assert len(winners) == 1
        assert store.read(f"versions/{attempt}").data == str(winners[0]).encode() * 1000


def test_no_increment_of_racing_threads_is_lost(store: ObjectStore) -> None:
    store.create("counter", b"0")

    def count(_: int) -> None:
        for _ in range(INCREMENTS):
            while True:
                stored = store.read("counter")
                try:
                    store.replace("counter", str(int(stored.data) + 1).encode(), stored.etag)
                except Conflict:
                    continue
                break

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))

    assert store.read("counter").data == str(4 * INCREMENTS).encode()


def test_one_of_racing_processes_creates(under_test: Any) -> None:
    answers = under_test.race("create", "versions/1", 4)

    winners = [answer for answer in answers if answer != "lost"]
    assert len(winners) == 1
    assert under_test.store.read("versions/1").data == winners[0].encode() * 10_000
    assert list(under_test.store.list("")) == ["versions/1"]


def test_no_increment_of_racing_processes_is_lost(under_test: Any) -> None:
    under_test.store.create("counter", b"0")

    under_test.race("count", "counter", 3, str(INCREMENTS))

    assert under_test.store.read("counter").data == str(3 * INCREMENTS).encode()
    assert list(under_test.store.list("")) == ["counter"]
