"""The interface of an object store: what the registry needs of a folder or of S3, and no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from pipit.errors import InvalidInput

PIECE_BYTES = 1024 * 1024
"""Longest piece that `open` gives."""

_LONGEST_KEY = 900
_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9_.+\-]{0,199}"
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")


@dataclass(frozen=True, slots=True)
class Stored:
    """An object's content with the tag of just that content, for compare-and-swap."""

    data: bytes
    etag: str


class ObjectStore(Protocol):
    """Objects by key. A key is a relative path with forward slashes; writes are whole or not at all.

    No key may be the folder of another (`a` beside `a/b`): a local folder can't hold both.

    Every call raises Unavailable when the store can't be reached, and Unavailable with a message that names the
    lack of space when it is full; InvalidInput for a key that is none. Threads and processes may share a store.
    """

    def check(self) -> None:
        """Raises Unavailable unless the store can be used now. Makes what a new store lacks, such as its bucket."""
        ...

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
        """Writes an object that must not exist yet; gives its etag.

        Of several racing writers just one succeeds; to the others it raises AlreadyExists. A file is written from
        where it stands to its end, and must be seekable.
        """
        ...

    def replace(self, key: str, data: bytes, etag: str) -> str:
        """Writes over the content that `etag` names; gives the new etag.

        Raises Conflict if the object changed meanwhile, NotFound if it is gone.
        """
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """Keys that begin with `prefix`, sorted. Never shows a half-written object."""
        ...

    def tags(self, prefix: str) -> Iterator[tuple[str, str]]:
        """As `list`, each key with a tag that is another one once the content is: what has to be read again.

        It may be another one than `read` gives.
        """
        ...

    def delete(self, key: str) -> None:
        """Removes an object; no error if it is gone."""
        ...


def check_key(key: str) -> str:
    """Gives the key back. Raises InvalidInput for an empty, absolute or overlong one, for `..` and hidden parts."""
    if len(key) > _LONGEST_KEY or _KEY.fullmatch(key) is None:
        raise InvalidInput(
            f"{key[:100]!r} is not an object key: use parts of letters, digits, '_', '.', '+' and '-' joined by '/', "
            "none of which begins with a dot"
        )
    return key
