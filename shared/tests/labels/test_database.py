from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pipit.errors import Unavailable
from pipit.labels.database import Database

SCHEMA = "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL); CREATE TABLE words (word TEXT);"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "words.sqlite", SCHEMA, "1")
    yield database
    database.close()


def words(connection: sqlite3.Connection) -> list[str]:
    return [row["word"] for row in connection.execute("SELECT word FROM words")]


def test_who_reads_neither_waits_nor_sees_what_comes_meanwhile(database: Database) -> None:
    with database.read() as reading:
        assert words(reading) == []
        with database.write() as writing:
            writing.execute("INSERT INTO words VALUES ('one')")
        assert words(reading) == []
    with database.read() as reading:
        assert words(reading) == ["one"]


def _two(writing: sqlite3.Connection) -> None:
    """The second can't be done."""
    writing.execute("INSERT INTO words VALUES ('one')")
    writing.execute("INSERT INTO meta VALUES ('mark', '2')")


def test_after_an_exception_nothing_is_kept(database: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError), database.write() as writing:
        _two(writing)
    with database.read() as reading:
        assert words(reading) == []


def test_threads_that_come_and_go_leave_no_connection_behind(database: Database) -> None:
    def add(number: int) -> None:
        with database.write() as writing:
            writing.execute("INSERT INTO words VALUES (?)", (str(number),))

    for number in range(20):
        thread = threading.Thread(target=add, args=(number,))
        thread.start()
        thread.join()
    assert len(database._free) == 1
    with database.read() as reading:
        assert words(reading) == [str(number) for number in range(20)]


def test_a_full_disk_is_told(database: Database) -> None:
    with database.read() as reading:
        pages = reading.execute("PRAGMA page_count").fetchone()[0]
    with database.write() as writing:
        writing.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Unavailable, match="full"), database.write() as writing:
        writing.executemany("INSERT INTO words VALUES (?)", [("x" * 5000,)] * 10)
    with database.write() as writing:
        writing.execute("PRAGMA max_page_count = 100000")
        writing.execute("INSERT INTO words VALUES ('small')")


def test_what_is_in_use_when_it_is_closed_is_closed_afterwards(database: Database) -> None:
    with database.read() as reading:
        database.close()
        assert words(reading) == []
    with pytest.raises(sqlite3.ProgrammingError):
        words(reading)


def test_many_readers_at_once_leave_few_connections_with_their_memory(database: Database) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(database.read())
    assert 1 <= len(database._free) <= 4
