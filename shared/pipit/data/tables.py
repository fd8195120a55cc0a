"""CSV tables beside a data set's files: the first line names the columns."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from pipit.errors import InvalidInput, NotFound


def rows_of(table: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and values of each row, without spaces around them; further columns only where they hold something.

    columns: what every row needs. Raises NotFound if there is no table, InvalidInput for a missing or empty column and
    for what is no table.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise InvalidInput(f"{table} has no column {', '.join(missing)}; its first line names the columns")
            for row in reader:
                values = {key: value.strip() for key, value in row.items() if key and value and value.strip()}
                empty = [column for column in columns if column not in values]
                if empty:
                    raise InvalidInput(f"{table}, line {reader.line_num}: {', '.join(empty)} is empty")
                yield reader.line_num, values
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"{table} is missing; fetch the data set again, or name another kind in the recipe") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{table} is not UTF-8 text: {error.reason}") from error
    except csv.Error as error:
        raise InvalidInput(f"{table} is no table: {error}") from error
