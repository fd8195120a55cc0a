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

_KEPT = 4
"""Connections that nobody uses just now; each has up to 32 MB of pages in memory."""
_PATIENCE = 30.0
"""Seconds that a writer waits for another process."""
_log = get_logger("labels.database")


class Database:
    """Threads share it, and each has a connection for as long as it reads or writes.

    They are lent, and not kept by thread: those of a web server come and go.
    """

    def __init__(self, path: Path, schema: str, mark: str) -> None:
        """schema: statements that make the tables. mark: a file of another one, or a broken one, is made anew.

        Raises Unavailable for a file that can't be opened.
        """
        self._path = path
        self._writing = threading.Lock()
        self._lock = threading.Lock()
        self._free: list[sqlite3.Connection] = []
        self._closed = False
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
        with self._lent() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """All of it is kept, or after an exception nothing. Raises Unavailable where the disk takes no more."""
        with self._writing, self._lent() as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError):
                    raise Unavailable(
                        f"the index {self._path.name} can't be written ({error}); free some space and try again"
                    ) from error
                raise

    def close(self) -> None:
        """Ends all connections, those in use as soon as they are given back."""
        with self._lock:
            self._closed = True
            while self._free:
                self._free.pop().close()

    @contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            connection = self._free.pop() if self._free else None
        connection = connection or _connect(self._path)
        try:
            yield connection
        finally:
            with self._lock:
                if self._closed or len(self._free) == _KEPT:
                    connection.close()
                else:
                    self._free.append(connection)


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
