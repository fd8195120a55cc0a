"""File locks between processes and threads, freed by the operating system when their holder dies.

A lock's file is made where it is missing, and stays.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Waits until nobody else, in this process or another, holds `path`."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def try_exclusive_lock(path: Path) -> Iterator[bool]:
    """Like `exclusive_lock`, but gives False instead of waiting."""
    descriptor = _open(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


@contextmanager
def record_lock(descriptor: int) -> Iterator[None]:
    """Keeps other processes from the pipe or the regular file that they share.

    A device is not locked, for others may hold a lock on /dev/null or a terminal for ever; nor is what can't be locked.
    """
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode)):
        yield
        return
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX)
    except OSError:
        yield
        return
    try:
        yield
    finally:
        fcntl.lockf(descriptor, fcntl.LOCK_UN)


def share_open_file(descriptor: int) -> None:
    """Takes a shared lock on a file that is open, until it is closed; nobody has an exclusive lock meanwhile."""
    fcntl.flock(descriptor, fcntl.LOCK_SH)


class SharedLock:
    """Held from its making, by any number at once, until `release`; nobody has an exclusive lock meanwhile."""

    def __init__(self, path: Path) -> None:
        self._descriptor: int | None = _open(path)
        try:
            share_open_file(self._descriptor)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """May be called again."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
