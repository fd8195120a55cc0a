"""One pool of interpreters for each network in a process, counted by its users.

    join ──> same file content, runtime, threads? ── yes ──> the pool that is there, grown where it is too small
                             │ no                                        │
                             └───────> a new pool ───────────────────────┴──> one more user ──> the last one closes it

Two tasks that look for faces load one face detector, and a new version with the same detector does not load it again.
A pool has as many interpreters as its most demanding user asked for: fewer would slow that one down, and a sum would
take the memory that sharing saves. It does not shrink before it is closed.

LiteRT maps its file into memory. The file may be deleted while it is in use; its space is free once the pool is closed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from pipit.errors import Unavailable
from pipit.files import sha256_file
from pipit.runtimes.base import Interpreters, Runtime
from pipit.types import Tensors


class _Key(NamedTuple):
    digest: str
    runtime: str
    threads: int


class _Pool:
    """loading: held while interpreters are made, so that they are made once. users: guarded by `_guard`."""

    def __init__(self) -> None:
        self.loading = threading.Lock()
        self.interpreters: Interpreters | None = None
        self.users = 0


_guard = threading.Lock()
_pools: dict[_Key, _Pool] = {}
"""Those that somebody uses, or waits for."""


def join_pool(
    path: Path, runtime: str, threads: int, instances: int, make: Callable[[Path, int, int], Interpreters]
) -> Runtime:
    """One user's view of the network in `path`. make: of path, threads and instances. Raises what it raises."""
    key = _Key(sha256_file(path), runtime, threads)
    with _guard:
        pool = _pools.setdefault(key, _Pool())
        pool.users += 1
    try:
        with pool.loading:
            # Whoever waited for somebody whose loading failed tries it again, and gets an error of their own.
            if pool.interpreters is None:
                pool.interpreters = make(path, threads, instances)
            else:
                pool.interpreters.grow(path, instances)
            return _User(key, pool, pool.interpreters)
    except BaseException:
        _leave(key, pool)
        raise


class _User:
    """See `Runtime`."""

    def __init__(self, key: _Key, pool: _Pool, interpreters: Interpreters) -> None:
        self.inputs = interpreters.inputs
        self.outputs = interpreters.outputs
        self.batches = interpreters.batches
        self.digest = key.digest
        self._key = key
        self._pool = pool
        self._interpreters: Interpreters | None = interpreters

    def run(self, tensors: Tensors) -> dict[str, NDArray[Any]]:
        """See `Runtime`. Raises Unavailable after `close`."""
        interpreters = self._interpreters
        if interpreters is None:
            raise Unavailable("the network has been closed; ask again")
        return interpreters.run(tensors)

    def close(self) -> None:
        """Runs that are under way end; the last user waits for them."""
        with _guard:
            if self._interpreters is None:
                return
            self._interpreters = None
        _leave(self._key, self._pool)


def _leave(key: _Key, pool: _Pool) -> None:
    with _guard:
        pool.users -= 1
        if pool.users:
            return
        del _pools[key]
    if pool.interpreters is not None:
        pool.interpreters.close()
