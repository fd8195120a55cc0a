"""CSV tables beside a data set's files: the first line names the columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipit.errors import InvalidInput, NotFound
from pipit.tables import open_table


def rows_of(
    table: Path, columns: tuple[str, ...], problems: list[str] | None = None
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and values of each row, without spaces around them; further columns only where they hold something.

    columns: what every row needs. problems: takes a line for each row that can't be used, which is then left out; None:
    the first one raises. See `pipit.tables` for what spreadsheets may have done to the table.

    Raises NotFound if there is no table, InvalidInput for a missing column, for what is no table, and for a bad row.
    """
    try:
        with open_table(table, columns) as found:
            for row in found.rows:
                if row.blank:
                    continue
                empty = [column for column in columns if column not in row.values]
                problem = row.problem or (f"{', '.join(empty)} is empty" if empty else "")
                if not problem:
                    yield row.line, row.values
                elif problems is None:
                    raise InvalidInput(f"{table}, line {row.line}: {problem}")
                else:
                    problems.append(f"{table}, line {row.line}: {problem}")
    except NotFound as error:
        raise NotFound(f"{table} is missing; fetch the data set again, or name another kind in the recipe") from error


def composed(name: str) -> str:
    """A file's name as tables write it: Macs take letters apart (u and two dots), others keep them whole (ü)."""
    return unicodedata.normalize("NFC", name)


def file_named(folder: Path, name: str) -> Path | None:
    """The file that a table means, which lies inside of `folder`; None if there is none.

    The table may have been written on Windows with backslashes, and the file been named on a Mac.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0] == "/":
        return None
    path = folder
    try:
        for part in parts:
            step = path / part
            # Letters without marks are written in one way only: a folder of thousands isn't walked for each row.
            if not part.isascii() and not step.exists():
                alike = (one for one in _entries(path) if composed(one.name) == composed(part))
                step = next(alike, step)
            path = step
        return path if path.is_file() else None
    except OSError:
        # Longer than any name can be.
        return None


def _entries(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.iterdir()
    except OSError:
        return
