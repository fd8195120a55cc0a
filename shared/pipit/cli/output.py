"""How commands speak: results on standard output (as JSON where asked), everything else on standard error."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from pipit.printable import printable

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on standard output and nothing else there.")]

_PIPE_WIDTH = 160
"""Columns of a table that goes to a file or another program."""


def plain(value: Any) -> Any:
    """Dataclasses, times, enums and paths as JSON's own types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {_unicode(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, int | float | bool):
        return value
    return value.isoformat() if isinstance(value, datetime) else _unicode(str(value))


def _unicode(text: str) -> str:
    """A file's name may hold bytes that are no UTF-8: shown in hexadecimal. JSON itself escapes the rest."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _dumps(value: Any, indent: int | None = None) -> str:
    # A terminal of another alphabet than Unicode's gets escapes, which JSON has for every letter.
    unicode = "utf" in (sys.stdout.encoding or "").lower()
    return json.dumps(plain(value), indent=indent, ensure_ascii=not unicode, allow_nan=False) + "\n"


def print_json(value: Any) -> None:
    """The one thing on standard output."""
    sys.stdout.write(_dumps(value, indent=2))


def print_json_line(value: Any) -> None:
    """One of many results, on a line of its own, as soon as it is there."""
    sys.stdout.write(_dumps(value))
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """columns: headings; one that begins with ">" is set flush right. Cells may hold rich's markup."""
    if title:
        console().print(printable(title), style="bold", highlight=False, markup=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.removeprefix(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(printable, row))
    console().print(table)


def print_line(text: str) -> None:
    """One line of result, with rich's markup."""
    console().print(printable(text), highlight=False)


def say(text: str) -> None:
    """One line for people who watch; no part of the result."""
    Console(stderr=True, soft_wrap=True).print(printable(text), highlight=False, markup=False)


def console() -> Console:
    """Standard output."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def mark(good: bool) -> str:
    """A tick or a cross, that colour-blind people and logs can tell apart too."""
    return "[green]yes[/green]" if good else "[red]no[/red]"
