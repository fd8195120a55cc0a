"""Ids of examples: the day one was taken, and the digest of its content."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

from pipit.errors import InvalidInput

_ID = re.compile(r"[0-9]{8}-[0-9a-f]{32}")


def example_id(taken_at: datetime, content: bytes) -> str:
    """The same for the same content of one day (UTC)."""
    return f"{taken_at.astimezone(UTC):%Y%m%d}-{hashlib.sha256(content).hexdigest()[:32]}"


def is_example_id(text: str) -> bool:
    """Whether it looks like one."""
    return _ID.fullmatch(text) is not None


def check_example_id(identity: str) -> str:
    """Gives it back. Raises InvalidInput."""
    if not is_example_id(identity):
        raise InvalidInput(f"{identity[:100]!r} is not the id of an example, such as 20261129- and 32 digits")
    return identity


def day_of(identity: str) -> str:
    """As "20261129". Raises InvalidInput."""
    return check_example_id(identity)[:8]
