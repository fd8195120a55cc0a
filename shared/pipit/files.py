"""Digests, and files that are whole or not there at all.

    write beside  ->  fsync  ->  rename over  ->  fsync the folder

A process that dies in the middle leaves the old content, and at most one hidden `.NAME.….part` file beside it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pipit.errors import AlreadyExists, Unavailable

NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EXDEV, errno.EMLINK, errno.ENOSYS}
"""How a file system says that it can't give a file a second name."""
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

reading_arrays = threading.Lock()
"""To be held while numpy reads a file, where other threads may read one too.

numpy gives the header of an array to Python's parser, and CPython 3.11 counts the depth of all threads' syntax
trees in one place: a thread that was interrupted there by another raises SystemError.
"""


def sha256_bytes(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 in hexadecimal, read in pieces. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def md5_file(path: Path) -> str:
    """MD5 in hexadecimal: for files whose authors publish nothing better. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def write_atomically(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Puts `data` in place of `path`; on the disk when this returns.

    mode: permissions, less the process's umask. Raises Unavailable when there is no room, another OSError as it is.
    """
    with open_atomically(path, mode) as stream:
        stream.write(data)


def write_secret(path: Path, data: bytes) -> None:
    """Makes a file that its owner alone may read (0600). Raises AlreadyExists: a key is never written over.

    Raises Unavailable when there is no room, another OSError as it is.
    """
    with room_for(path):
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise AlreadyExists(f"{path} exists; choose another name, a key is never written over") from error
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(handle)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


@contextmanager
def open_atomically(path: Path, mode: int = 0o644) -> Iterator[BinaryIO]:
    """A stream whose content takes the place of `path` at the end; an exception leaves `path` as it was.

    Raises as `write_atomically` does.
    """
    part = beside(path)
    with room_for(path):
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def beside(path: Path) -> Path:
    """A name for the unfinished form of `path`, in the same folder: hidden, and never used twice."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")


def link_or_copy(source: Path, target: Path) -> None:
    """A second name for a file; a copy on file systems that know no hard links (FAT, exFAT, SMB). Raises OSError."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        shutil.copyfile(source, target)


def sync_folder(folder: Path) -> None:
    """Puts the names in a folder on the disk; a renamed file is safe only then."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def room_for(path: Path) -> Iterator[None]:
    """Turns an OSError that means "no room" into Unavailable; others pass. Names the file, not its folder."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise Unavailable(
            f"{path.name} can't be written: {os.strerror(error.errno or 0)}; free some space and try again"
        ) from error


@contextmanager
def cache_errors(path: Path) -> Iterator[None]:
    """Turns whatever the operating system refuses a cache on this disk into Unavailable."""
    try:
        with room_for(path):
            yield
    except OSError as error:
        # `python -m pipit.landmark_networks` needs this module where nothing is installed.
        from pipit.logging import get_logger  # noqa: PLC0415

        get_logger("files").error("cache_failed", error=str(error))
        raise Unavailable(
            f"the cache folder {path} can't be used: {error.strerror}; name another (cache_dir, gallery_dir), or "
            "repair it"
        ) from error
