"""A folder as an object store: the embedded default, for one machine or a shared disk with POSIX locks.

    <root>/<key>            an object; appears by link(2) or rename(2) of a finished file, so never half
    <root>/.pipit/store     says that this folder is a store: an unmounted disk is not taken for an empty one
    <root>/.pipit/lock      held while an object is replaced
    <root>/.pipit/writing/  files that are being written, each locked by its writer; leftovers of a crash go at a start

Works on POSIX systems; the file system must know hard links (ext4, btrfs, xfs, APFS; not FAT).
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pipit.errors import AlreadyExists, Conflict, InvalidInput, NotFound, PipitError, Unavailable
from pipit.files import NO_LINKS, sync_folder
from pipit.locks import exclusive_lock, share_open_file, try_exclusive_lock
from pipit.logging import get_logger
from pipit.storage.base import PIECE_BYTES, Stored, check_key

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FOLDER_ATTEMPTS = 20
_LEFT_AFTER_SECONDS = 60.0
"""So old is what was made and not locked; between the two a writer needs no such time."""
_log = get_logger("storage.local")


class LocalStore:
    """See the module. The etag is the content's SHA-256."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._own = self._root / ".pipit"
        self._marker = self._own / "store"
        self._writing = self._own / "writing"
        with _system_errors():
            self._writing.mkdir(parents=True, exist_ok=True)
            self._marker.touch()
            self._remove_leftovers()

    def check(self) -> None:
        """See ObjectStore."""
        if not self._marker.is_file():
            raise Unavailable("the store's folder is gone; is its disk mounted?")

    def read(self, key: str) -> Stored:
        """See ObjectStore."""
        with self._reading(key) as path:
            data = path.read_bytes()
        return Stored(data, hashlib.sha256(data).hexdigest())

    def size(self, key: str) -> int:
        """See ObjectStore."""
        with self._reading(key) as path:
            return path.stat().st_size

    def open(self, key: str, offset: int = 0) -> Iterator[bytes]:
        """See ObjectStore."""
        self.size(key)
        return self._pieces(key, offset)

    def _pieces(self, key: str, offset: int) -> Iterator[bytes]:
        with self._reading(key) as path, path.open("rb") as file:
            file.seek(offset)
            while piece := file.read(PIECE_BYTES):
                yield piece

    def create(self, key: str, data: bytes | BinaryIO) -> str:
        """See ObjectStore."""
        target = self._path(key)
        if target.exists():
            raise AlreadyExists(f"object {key} exists already")
        with self._written(data) as (temporary, etag):
            self._link(temporary, target, key)
        return etag

    def replace(self, key: str, data: bytes, etag: str) -> str:
        """See ObjectStore."""
        target = self._path(key)
        with self._written(data) as (temporary, new_etag), exclusive_lock(self._own / "lock"):
            if self.read(key).etag != etag:
                raise Conflict(f"object {key} was changed by somebody else; read it again")
            temporary.replace(target)
            sync_folder(target.parent)
        return new_etag

    def list(self, prefix: str) -> Iterator[str]:
        """See ObjectStore."""
        folder, slash, _ = prefix.rpartition("/")
        if slash:
            check_key(folder)
        self.check()
        with _system_errors():
            keys = [key for key in self._walk(self._root / folder) if key.startswith(prefix)]
        yield from sorted(keys)

    def tags(self, prefix: str) -> Iterator[tuple[str, str]]:
        """See ObjectStore. Each write is a file of its own, which the tag names."""
        for key in self.list(prefix):
            # Deleted since it was listed.
            with _system_errors(), suppress(FileNotFoundError, NotADirectoryError):
                found = self._path(key).stat()
                yield key, f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"

    def _walk(self, top: Path) -> Iterator[str]:
        for folder, folders, files in os.walk(top):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in files:
                yield (Path(folder) / name).relative_to(self._root).as_posix()

    def delete(self, key: str) -> None:
        """See ObjectStore."""
        path = self._path(key)
        self.check()
        with _system_errors():
            path.unlink(missing_ok=True)
            # A folder that is not empty stays, and so does one into which somebody is about to write.
            with suppress(OSError):
                for folder in path.parents:
                    if folder == self._root:
                        break
                    folder.rmdir()

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    @contextmanager
    def _reading(self, key: str) -> Iterator[Path]:
        """Tells an object that is not there from a store that is not there."""
        path = self._path(key)
        with _system_errors():
            try:
                yield path
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                self.check()
                raise NotFound(f"no object {key}") from None

    @contextmanager
    def _written(self, data: bytes | BinaryIO) -> Iterator[tuple[Path, str]]:
        """A finished file on the store's file system, and the SHA-256 of its content. Removed afterwards."""
        self.check()
        with _system_errors():
            descriptor, name = tempfile.mkstemp(dir=self._writing)
            temporary = Path(name)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    # Open and locked until it is in its place: nobody takes it for a leftover.
                    share_open_file(file.fileno())
                    digest = _copy(data, file)
                    file.flush()
                    os.fsync(file.fileno())
                    yield temporary, digest
            finally:
                temporary.unlink(missing_ok=True)

    def _remove_leftovers(self) -> None:
        """What a writer that died left may be content that was deleted since, of a person who was forgotten."""
        for path in self._writing.iterdir():
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime < _LEFT_AFTER_SECONDS:
                    continue
                with try_exclusive_lock(path) as is_left:
                    if is_left:
                        path.unlink(missing_ok=True)

    def _name(self, temporary: Path, target: Path) -> None:
        """Gives a file its name unless it is taken. Raises FileExistsError, FileNotFoundError, NotADirectoryError."""
        try:
            os.link(temporary, target)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            # Without hard links nothing names a file only if the name is free; the lock keeps other writers away.
            with exclusive_lock(self._own / "lock"):
                if target.exists():
                    raise FileExistsError from None
                temporary.rename(target)

    def _link(self, temporary: Path, target: Path, key: str) -> None:
        for _ in range(_FOLDER_ATTEMPTS):
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._name(temporary, target)
            except FileNotFoundError:
                continue  # a delete took the empty folder away in between
            except FileExistsError:
                if not target.exists():
                    raise InvalidInput(f"an object stands where {key} needs a folder") from None
                raise AlreadyExists(f"object {key} exists already") from None
            except NotADirectoryError:
                raise InvalidInput(f"an object stands where {key} needs a folder") from None
            sync_folder(target.parent)
            return
        raise Unavailable(f"the folder of object {key} is taken away again and again; try later")


def _copy(data: bytes | BinaryIO, file: BinaryIO) -> str:
    if isinstance(data, bytes):
        file.write(data)
        return hashlib.sha256(data).hexdigest()
    digest = hashlib.sha256()
    while piece := data.read(PIECE_BYTES):
        digest.update(piece)
        file.write(piece)
    return digest.hexdigest()


@contextmanager
def _system_errors() -> Iterator[None]:
    """Turns what the operating system refuses into Unavailable. Errors of Pipit pass."""
    try:
        yield
    except PipitError:
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise Unavailable(
                "the store's disk has no space left; free some, or move the store to a larger one"
            ) from error
        _log.error("store_failed", error=str(error))
        raise Unavailable(
            f"the store's folder can't be used: {error.strerror}; the store's log names the file"
        ) from error
