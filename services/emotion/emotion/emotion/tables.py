"""Tables beside pictures."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from pipit.errors import InvalidInput, NotFound


def rows_of(table: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines of a CSV file with their numbers. Raises NotFound, and InvalidInput where a column is missing or empty."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise InvalidInput(f"{table} has no column {', '.join(missing)}; its first line names the columns")
            for row in reader:
                short = [column for column in columns if not row[column]]
                if short:
                    raise InvalidInput(f"{table}, line {reader.line_num}: {', '.join(short)} is empty")
                yield reader.line_num, {key: value.strip() for key, value in row.items() if key and value}
    except FileNotFoundError as error:
        raise NotFound(f"{table} is missing; fetch the data set again, or name another kind in the recipe") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{table} is not UTF-8 text: {error.reason}") from error
