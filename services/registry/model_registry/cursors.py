"""Where a reader of a log goes on: the number of the last record it has, and a mark of that record.

The mark tells whether the cursor is of this log at all. After a store was set back to an older state, or another one
took its place, the number alone would point past records that the reader has never seen.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from pipit.errors import InvalidInput

_CURSOR = re.compile(r"([1-9][0-9]{0,18})-([0-9a-f]{16})")


def mark_of(record: bytes) -> str:
    """Tells a record from others of its number."""
    return hashlib.sha256(record).hexdigest()[:16]


def cursor_at(number: int, mark: Callable[[int], str]) -> str:
    """mark: of the record of a number."""
    return f"{number}-{mark(number)}" if number else ""


def number_of(cursor: str, mark: Callable[[int], str]) -> int:
    """0 for an empty one. mark: of the record of a number; "" where there is none.

    Raises InvalidInput for what was never given by a registry with this store.
    """
    if not cursor:
        return 0
    found = _CURSOR.fullmatch(cursor)
    if found is None or mark(int(found[1])) != found[2]:
        raise InvalidInput(f"{cursor[:40]!r} is no `next` of an earlier page of this registry; leave it empty to begin")
    return int(found[1])
