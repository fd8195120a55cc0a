"""Where a reader of a log goes on: the number of the last record it has, as text that means nothing to anybody else."""

from __future__ import annotations

from pipit.errors import InvalidInput


def number_of(cursor: str) -> int:
    """0 for an empty one. Raises InvalidInput for what this registry never gave."""
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 20):
        raise InvalidInput(f"{cursor[:40]!r} is no `next` of an earlier page; leave it empty to begin")
    return int(cursor or 0)
