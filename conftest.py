"""What the tests of every package share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class Quiet:
    """Progress that keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    @contextmanager
    def track(self, description: str, total: float) -> Iterator[Quiet]:
        """A bar that shows nothing."""
        yield self

    def advance(self, amount: float = 1, note: str = "") -> None:
        """Shows nothing."""

    def say(self, message: str) -> None:
        """Keeps it."""
        self.said.append(message)


@pytest.fixture
def quiet() -> Quiet:
    """See `pipit.training.progress.Progress`."""
    return Quiet()
