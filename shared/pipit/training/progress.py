"""How a trainer tells people how far it is, without knowing where they look."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
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
    """For programs: a line in the log when a piece of work begins and ends, for each note, and for each message."""

    @contextmanager
    def track(self, description: str, total: float) -> Iterator[Bar]:
        """See `Progress`."""
        _log.info("work_started", work=description, total=total)
        bar = _LogBar(description)
        yield bar
        _log.info("work_finished", work=description, done=bar.done, note=bar.note)

    def say(self, message: str) -> None:
        """See `Progress`."""
        _log.info("message", text=message)


class _LogBar:
    def __init__(self, description: str) -> None:
        self._description = description
        self.done = 0.0
        self.note = ""

    def advance(self, amount: float = 1, note: str = "") -> None:
        self.done += amount
        self.note = note or self.note
        if note:
            _log.info("work_advanced", work=self._description, done=self.done, note=note)


class RichProgress:
    """For people: rich's bars with time gone and time left on a terminal, plain lines in a file or a pipe.

    A line is written for each note, such as an epoch's loss, and for each tenth of a piece of work.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)

    @contextmanager
    def track(self, description: str, total: float) -> Iterator[Bar]:
        """See `Progress`."""
        if not self.console.is_terminal:
            yield _LineBar(self.say, description, total)
            return
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
        # Soft: what is no terminal has no width.
        self.console.print(message, highlight=False, markup=False, soft_wrap=not self.console.is_terminal)


class _RichBar:
    def __init__(self, bars: rich.progress.Progress, task: rich.progress.TaskID) -> None:
        self._bars = bars
        self._task = task

    def advance(self, amount: float = 1, note: str = "") -> None:
        if note:
            self._bars.update(self._task, note=note)
        self._bars.advance(self._task, amount)


class _LineBar:
    def __init__(self, say: Callable[[str], None], description: str, total: float) -> None:
        self._say = say
        self._description = description
        self._total = total
        self._begun = time.monotonic()
        self._done = 0.0
        self._tenths = 0

    def advance(self, amount: float = 1, note: str = "") -> None:
        self._done += amount
        tenths = int(10 * self._done / self._total) if self._total else 10
        if not note and tenths == self._tenths:
            return
        self._tenths = tenths
        words = f"{self._description}: {self._done:g} of {self._total:g} after {time.monotonic() - self._begun:.0f} s"
        self._say(f"{words}, {note}" if note else words)
