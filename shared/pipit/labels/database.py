"""An SQLite file that can always be made anew: one writes at a time, and those who read wait for nobody.

SQLite's write-ahead log gives each reader the state as of the moment at which they began to read.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pipit.errors import Unavailable
from pipit.logging import get_logger

_PATIENCE = 30.0
"""Seconds that a writer waits for another process."""
_log = get_logger("labels.database")


class Database:
    """Threads share it; each has a connection of its own. `close` it when no thread uses it any more."""

    def __init__(self, path: Path, schema: str, mark: str) -> None:
        """schema: statements that make the tables. mark: a file of another one, or a broken one, is made anew.

        Raises Unavailable for a file that can't be opened.
        """
        self._path = path
        self._lock = threading.Lock()
        self._own = threading.local()
        self._open: list[sqlite3.Connection] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not _is_whole(path, mark):
                _make(path, schema, mark)
        except (sqlite3.OperationalError, OSError) as error:
            raise Unavailable(
                f"the index {path.name} can't be opened ({error}); make its folder writable, or name another"
            ) from error

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """What is there now, unchanged until the end."""
        connection = self._connection()
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """All of it is kept, or after an exception nothing."""
        connection = self._connection()
        with self._lock:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def close(self) -> None:
        """Ends all connections."""
        with self._lock:
            while self._open:
                self._open.pop().close()

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if found is None:
            found = self._own.connection = _connect(self._path)
            with self._lock:
                self._open.append(found)
        return found


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, _PATIENCE, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    # What the last moments before a power cut wrote may be gone; the registry has it.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = -32000")
    return connection


def _is_whole(path: Path, mark: str) -> bool:
    if not path.exists():
        return False
    try:
        with closing(_connect(path)) as connection:
            found = connection.execute("SELECT value FROM meta WHERE key = 'mark'").fetchone()
            if found is None or found["value"] != mark:
                return False
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
    except sqlite3.DatabaseError as error:
        _log.warning("index_broken", path=str(path), error=str(error))
    return False


def _make(path: Path, schema: str, mark: str) -> None:
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    with closing(_connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN; {schema}")
        connection.execute("INSERT INTO meta (key, value) VALUES ('mark', ?)", (mark,))
        connection.execute("COMMIT")
