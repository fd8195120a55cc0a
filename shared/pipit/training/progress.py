"""How a trainer tells people how far it is, without knowing where they look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import rich.progress
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pipit.logging import get_logger

_log = get_logger("training")


class Bar(Protocol):
    """One piece of work of known size."""

    def advance(self, amount: float = 1, note: str = "") -> None:
        """`amount` more is done. note: a few words beside the bar, such as the loss; kept until the next."""
        ...


class Progress(Protocol):
    """Where progress goes to."""

    def track(self, description: str, total: float) -> AbstractContextManager[Bar]:
        """A bar for as long as the context lasts."""
        ...

    def say(self, message: str) -> None:
        """One line for people."""
        ...


class LogProgress:
    """For no terminal: a line in the log when a piece of work begins and ends, and one for each message."""

    @contextmanager
    def track(self, description: str, total: float) -> Iterator[Bar]:
        """See `Progress`."""
        _log.info("work_started", work=description, total=total)
        bar = _CountingBar()
        yield bar
        _log.info("work_finished", work=description, done=bar.done, note=bar.note)

    def say(self, message: str) -> None:
        """See `Progress`."""
        _log.info("message", text=message)


class _CountingBar:
    def __init__(self) -> None:
        self.done = 0.0
        self.note = ""

    def advance(self, amount: float = 1, note: str = "") -> None:
        self.done += amount
        self.note = note or self.note


class RichProgress:
    """For a terminal: rich's bars, with time gone and time left."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)

    @contextmanager
    def track(self, description: str, total: float) -> Iterator[Bar]:
        """See `Progress`."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with rich.progress.Progress(*columns, console=self.console) as bars:
            yield _RichBar(bars, bars.add_task(description, total=total, note=""))

    def say(self, message: str) -> None:
        """See `Progress`."""
        self.console.print(message, highlight=False, markup=False)


class _RichBar:
    def __init__(self, bars: rich.progress.Progress, task: rich.progress.TaskID) -> None:
        self._bars = bars
        self._task = task

    def advance(self, amount: float = 1, note: str = "") -> None:
        if note:
            self._bars.update(self._task, note=note)
        self._bars.advance(self._task, amount)
