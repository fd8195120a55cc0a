"""Tables as people's programs leave them: separated by commas, semicolons or tabs, with a first line of names.

Spreadsheets put a byte order mark in front, write decimal commas where columns are parted by semicolons, and leave rows
of nothing but separators behind. None of that is an error. A row that can't be right is told of by its line, and the
rows after it are read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pipit.errors import InvalidInput, NotFound

_SEPARATORS = (",", ";", "\t")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?", re.ASCII)
_TOO_LONG = "field larger than field limit"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Row:
    """values: by the column's name, without spaces around them; those that are empty are left out.

    problem: why it can't be used, with a word on what to do; "" where nothing is wrong with it.
    """

    line: int
    values: dict[str, str]
    problem: str = ""

    @property
    def blank(self) -> bool:
        """Nothing but separators."""
        return not self.values and not self.problem


@dataclass(frozen=True, slots=True)
class Table:
    """names: of the columns, in their order. rows: once."""

    names: tuple[str, ...]
    rows: Iterator[Row]


@contextmanager
def open_table(path: Path, columns: tuple[str, ...]) -> Iterator[Table]:
    """columns: that the first line has to name.

    Within it, NotFound is raised if there is no table, InvalidInput for a missing column and for what is no table.
    """
    try:
        with path.open(newline="", encoding=_encoding(path), errors="surrogateescape") as file:
            separator = _separator(file)
            reader = csv.reader(file, delimiter=separator, skipinitialspace=True, strict=True)
            names = tuple(name.strip() for name in next(reader, []))
            missing = [column for column in columns if column not in names]
            if missing:
                raise InvalidInput(f"{path} has no column {', '.join(missing)}; its first line names the columns")
            yield Table(names, _rows(reader, names, separator))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"there is no table {path}") from error
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is no text: {error.reason}") from error
    except csv.Error as error:
        raise InvalidInput(f"{path} is no table: {error}") from error


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in _UTF_16 else "utf-8-sig"


def _separator(file: TextIO) -> str:
    """The one that parts most names of the first line."""
    first = file.readline()
    file.seek(0)
    return max(_SEPARATORS, key=first.count)


def _rows(reader: Iterator[list[str]], names: tuple[str, ...], separator: str) -> Iterator[Row]:
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if _TOO_LONG in str(error):
                raise
            # The reader goes on with the next line; after a quotation mark that nothing closes there is none.
            line = reader.line_num  # type: ignore[attr-defined]
            yield Row(line, {}, f"a quotation mark is not closed, or stands within a cell ({error}); double it")
            continue
        stripped = [cell.strip() for cell in cells]
        if not stripped:
            continue
        if separator == ";":
            stripped = [cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell for cell in stripped]
        values = {name: cell for name, cell in zip(names, stripped, strict=False) if name and cell}
        yield Row(reader.line_num, values, _problem(stripped, len(names)))  # type: ignore[attr-defined]


def _problem(cells: list[str], columns: int) -> str:
    if any(map(_is_torn, cells)):
        return "is no text in UTF-8; save the table as UTF-8"
    if any(cells[columns:]):
        return (
            f"has {len(cells)} cells for {columns} columns; if its numbers have decimal commas, write points, or part "
            "the columns by semicolons"
        )
    return ""


def _is_torn(cell: str) -> bool:
    """Whether it holds bytes that were no UTF-8."""
    return any("\udc80" <= letter <= "\udcff" for letter in cell)
