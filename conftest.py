"""What the tests of every package share."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

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


def end_session(process: subprocess.Popen[Any]) -> None:
    """Kills what still runs of the process's session, its children too, and closes its pipes."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            # What a writer has kept back, nobody reads.
            with suppress(BrokenPipeError):
                pipe.close()


@pytest.fixture
def popen() -> Iterator[Callable[..., subprocess.Popen[Any]]]:
    """`subprocess.Popen` in a session of its own, of which nothing is left when the test ends, however it ends.

    A child that lives on would hold the pipes, and whoever reads them to their end would wait for ever.
    """
    started: list[subprocess.Popen[Any]] = []

    def start(command: Any, **options: Any) -> subprocess.Popen[Any]:
        started.append(subprocess.Popen(command, start_new_session=True, **options))
        return started[-1]

    yield start
    for process in started:
        end_session(process)
