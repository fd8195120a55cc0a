"""How a video's answers are shown: a table that changes in place on a terminal, else a line for each picture."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from types import TracebackType

from rich import box
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipit.cli.output import print_line
from pipit.cli.watch import Moment
from pipit.types import Box, Prediction, TimeSpan

ROWS = 16
"""Of the table, the newest."""
_WIDTHS = (10, 20)
_WIDTH = 22


class MomentView:
    """A context manager. Columns: time, where, then for each task what the picture shows and what holds over time."""

    def __init__(self, tasks: Sequence[str], title: str) -> None:
        self._tasks = tasks
        self._title = title
        self._lines: deque[tuple[str, ...]] = deque(maxlen=ROWS)
        self._used: set[int] = {0, 1}
        self._latest: dict[str, str] = {}
        self._live: Live | None = None
        self._note = ""
        names = [escape(task.rpartition(".")[2]) for task in tasks]
        self._columns = ("seconds", "where", *(title for name in names for title in (name, f"{name} over time")))

    def __enter__(self) -> MomentView:
        if sys.stdout.isatty():
            self._live = Live(self._table(), console=Console(), refresh_per_second=8)
            self._live.__enter__()
        else:
            print_line(_line(self._columns))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.update(self._table())
            self._live.__exit__(kind, error, trace)

    def add(self, moment: Moment, note: str = "") -> None:
        """One more row. note: below the table."""
        cells = self._cells(moment)
        self._used |= {place for place, cell in enumerate(cells) if cell not in ("", "-")}
        self._note = note
        if self._live is None:
            print_line(_line(cells))
            return
        self._lines.append(cells)
        self._live.update(self._table())

    def _cells(self, moment: Moment) -> tuple[str, ...]:
        name = moment.shown.name if moment.shown else "end"
        seconds = f"{moment.seconds:.2f}" if moment.seconds is not None else escape(name) or "-"
        boxes = [part.region for part in moment.predictions if isinstance(part.region, Box)]
        where = "-"
        if boxes:
            first = boxes[0]
            more = f" +{len(boxes) - 1}" if len(boxes) > 1 else ""
            where = f"{first.left:.0f},{first.top:.0f} {first.width:.0f}x{first.height:.0f}{more}"
        cells = [seconds, where]
        for task in self._tasks:
            parts = [part for answer in moment.answers.get(task, ()) for part in answer.predictions]
            here = next((part for part in parts if not isinstance(part.region, TimeSpan)), None)
            over_time = [part for part in parts if isinstance(part.region, TimeSpan)]
            refusals = moment.refusals.get(task, ())
            cells.append(escape(refusals[-1].message) if refusals else _best(here) if here else "-")
            if over_time:
                self._latest[task] = _best(over_time[-1])
            elif moment.answers.get(task):
                self._latest.pop(task, None)
            # A window's answer holds until the next one.
            cells.append(self._latest.get(task, "-"))
        return tuple(cells)

    def _table(self) -> Table:
        table = Table(title=self._title, caption=self._note, box=box.SIMPLE_HEAD, pad_edge=False)
        shown = [place for place in range(len(self._columns)) if place in self._used]
        for place in shown:
            table.add_column(self._columns[place], justify="right" if place == 0 else "left", no_wrap=True)
        for line in self._lines:
            table.add_row(*(line[place] for place in shown))
        return table


def _best(prediction: Prediction) -> str:
    """What the answer says; where it says nothing, the best score in brackets, only if that is experimental."""
    said = prediction.answer
    if said is not None:
        text = f"{escape(said.label)} {said.score:.2f}"
        return f"[bold green]{text}[/bold green]" if said.detected else text
    nothing = "unknown" if prediction.unknown else "-"
    best = prediction.scores[0] if prediction.scores else None
    if best is None or not best.experimental:
        return nothing
    return f"{nothing} (experimental: {escape(best.label)} {best.score:.2f})"


def _line(cells: Sequence[str]) -> str:
    widths = (*_WIDTHS, *[_WIDTH] * (len(cells) - len(_WIDTHS)))
    padded = []
    for cell, width in zip(cells, widths, strict=True):
        padded.append(cell + " " * max(1, width - len(Text.from_markup(cell).plain)))
    return "".join(padded).rstrip()
