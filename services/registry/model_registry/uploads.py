"""Blobs on their way into the store.

chunks ──> buffer ──full, or the stream broke──> part objects uploads/<digest>/<offset>
              │                                        │ all here
              └── all here, and never full ──> SHA-256 as named? ──> blobs/sha256/<digest>, parts deleted

A blob appears only once its content matches its digest. Parts are written if absent, so that two publishers of one
blob complete each other's.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from pipit.errors import AlreadyExists, Conflict, IntegrityError, InvalidInput, NotFound, Unavailable
from pipit.files import room_for, sha256_bytes
from pipit.logging import get_logger
from pipit.storage import ObjectStore

from model_registry import layout

MEBIBYTE = 1024 * 1024
LARGEST_CHUNK = MEBIBYTE
_log = get_logger("model_registry.uploads")


class Uploads:
    """The unfinished blobs of a store. part_bytes: what is held in memory before it is written as a part."""

    def __init__(
        self, store: ObjectStore, part_bytes: int = 8 * MEBIBYTE, parts: Callable[[str], str] = layout.parts
    ) -> None:
        """parts: prefix of a content's pieces, by its digest."""
        self._store = store
        self._parts = parts
        self.part_bytes = part_bytes

    def blob_size(self, digest: str) -> int | None:
        """Bytes of a finished blob; None if it is not here."""
        try:
            return self._store.size(layout.blob(digest))
        except NotFound:
            return None

    def end(self, digest: str) -> int:
        """Bytes from the blob's beginning that are here without a gap."""
        try:
            return sum(end - begin for _, begin, end in self._pieces(digest))
        except NotFound:
            # Whoever completes the blob takes the pieces away.
            return 0

    def write_part(self, digest: str, offset: int, data: bytes) -> None:
        """Keeps a piece. Where another one begins at the same place, only what goes beyond it is written."""
        while data:
            key = layout.part(self._parts(digest), offset)
            try:
                self._store.create(key, data)
            except AlreadyExists:
                try:
                    there = self._store.size(key)
                except NotFound:
                    continue  # taken away in between, as it is no longer needed or was wrong
                # At least one byte: an empty part is never written.
                offset, data = offset + there, data[there:]
            else:
                return

    def add_blob(self, digest: str, data: bytes | BinaryIO) -> None:
        """Makes content visible that was checked. Who comes second has nothing left to do."""
        with suppress(AlreadyExists):
            self._store.create(layout.blob(digest), data)
        self.clear(digest)

    @contextmanager
    def assembled(self, digest: str) -> Iterator[BinaryIO]:
        """All pieces in one temporary file, at its beginning.

        Raises IntegrityError, and forgets the pieces, if that is not the content that `digest` names.
        """
        with room_for(Path("the blob")), tempfile.SpooledTemporaryFile(self.part_bytes) as file:
            computed = hashlib.sha256()
            for key, begin, end in self._pieces(digest):
                # A piece may overlap the one before it: its last bytes are the new ones.
                skipped = self._store.size(key) - (end - begin)
                for data in self._store.open(key, skipped):
                    computed.update(data)
                    file.write(data)
            if computed.hexdigest() != digest:
                self.clear(digest)
                raise _mismatch(digest)
            file.seek(0)
            yield cast(BinaryIO, file)

    def clear(self, digest: str) -> None:
        """Forgets the pieces."""
        for key in list(self._store.list(self._parts(digest))):
            self._store.delete(key)

    def _pieces(self, digest: str) -> list[tuple[str, int, int]]:
        """Key, begin and end of the bytes that each part adds to those before it, up to the first gap."""
        pieces: list[tuple[str, int, int]] = []
        reached = 0
        for key in self._store.list(self._parts(digest)):
            offset = layout.part_offset(key)
            if offset > reached:
                break
            end = offset + self._store.size(key)
            if end > reached:
                pieces.append((key, reached, end))
                reached = end
        return pieces


class BlobWriter:
    """Takes one blob's chunks, in order."""

    def __init__(self, uploads: Uploads, digest: str, size: int, offset: int) -> None:
        """offset: bytes that are here already."""
        self.digest = digest
        self._uploads = uploads
        self._size = size
        self._flushed = offset
        self._buffer = bytearray()

    @property
    def end(self) -> int:
        """Bytes that came so far."""
        return self._flushed + len(self._buffer)

    def write(self, offset: int, data: bytes) -> bool:
        """Takes a chunk; bytes that are here already are passed over. True: that was the last one, the blob is done.

        Raises Conflict for a gap, InvalidInput for more than the blob's size, IntegrityError if the content is not
        what the digest names.
        """
        if len(data) > LARGEST_CHUNK:
            raise InvalidInput(f"a chunk has {len(data)} bytes; send at most {LARGEST_CHUNK}")
        if offset > self.end:
            raise Conflict(f"blob {self.digest} is here up to byte {self.end}, not {offset}; prepare the publish again")
        if offset + len(data) > self._size:
            raise InvalidInput(f"blob {self.digest} has {self._size} bytes by the manifest, but more were sent")
        self._buffer += data[self.end - offset :]
        if self.end == self._size:
            self._finish()
            return True
        if len(self._buffer) >= self._uploads.part_bytes:
            self._flush()
        return False

    def keep(self) -> None:
        """Saves what came so far, for a later publish; what can't be saved is sent again then."""
        try:
            self._flush()
            if self._uploads.blob_size(self.digest) is not None:
                # Another publisher has completed it meanwhile: no later one needs the pieces.
                self._uploads.clear(self.digest)
        except Unavailable as error:
            _log.warning("part_not_kept", digest=self.digest, reason=str(error))

    def _finish(self) -> None:
        if self._flushed == 0:
            data = bytes(self._buffer)
            if sha256_bytes(data) != self.digest:
                self._buffer.clear()
                raise _mismatch(self.digest)
            self._uploads.add_blob(self.digest, data)
            return
        self._flush()
        try:
            with self._uploads.assembled(self.digest) as file:
                self._uploads.add_blob(self.digest, file)
        except (NotFound, IntegrityError) as error:
            # Another publisher who completes the blob takes the pieces away.
            if self._uploads.blob_size(self.digest) is not None:
                return
            if isinstance(error, IntegrityError):
                raise
            raise Conflict(f"pieces of blob {self.digest} were taken away meanwhile; publish again") from error

    def _flush(self) -> None:
        if self._buffer:
            self._uploads.write_part(self.digest, self._flushed, bytes(self._buffer))
            self._flushed += len(self._buffer)
            self._buffer.clear()


def _mismatch(digest: str) -> IntegrityError:
    return IntegrityError(f"the content of blob {digest} does not match its digest; publish again, from the start")
