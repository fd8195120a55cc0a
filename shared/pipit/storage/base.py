"""The interface of an object store: what the registry needs of a folder or of S3, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """An object's content with the tag of just that content, for compare-and-swap."""

    data: bytes
    etag: str


class ObjectStore(Protocol):
    """Objects by key. A key is a relative path with forward slashes; writes are whole or not at all.

    Every call raises Unavailable when the store can't be reached, and Unavailable with a message that names the
    lack of space when it is full. Threads and processes may share a store.
    """

    def read(self, key: str) -> Stored:
        """Whole object, for small documents. Raises NotFound."""
        ...

    def size(self, key: str) -> int:
        """Bytes. Raises NotFound."""
        ...

    def open(self, key: str, offset: int = 0) -> Iterator[bytes]:
        """Content from `offset` in pieces of at most 1 MiB. Raises NotFound before the first piece."""
        ...

    def create(self, key: str, data: bytes | BinaryIO) -> str:
        """Writes an object that must not exist yet; gives its etag. Raises AlreadyExists: of several racing writers
        just one succeeds."""
        ...

    def replace(self, key: str, data: bytes, etag: str) -> str:
        """Writes over the content that `etag` names; gives the new etag. Raises Conflict if the object changed
        meanwhile, NotFound if it is gone."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """Keys that begin with `prefix`, sorted. Never shows a half-written object."""
        ...

    def delete(self, key: str) -> None:
        """Removes an object; no error if it is gone."""
        ...
