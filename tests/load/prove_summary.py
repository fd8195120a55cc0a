"""What docs/measured/rollouts.csv says, as the table of docs/measured/rollouts.md."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping

import numpy as np
from measure import MEASURED

Row = Mapping[str, str]


def main() -> None:
    """Prints a line for each scenario, in the order of the file."""
    with (MEASURED / "rollouts.csv").open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    print("| scenario | runs | ended, by | to the end, s | of it with the version, s | devices | requests that met it"  # noqa: T201
          " | failed | back, s | load |\n|---|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    for name in dict.fromkeys(row["scenario"] for row in rows):
        print(_line(name, [row for row in rows if row["scenario"] == name]))  # noqa: T201


def _line(name: str, rows: list[Row]) -> str:
    ended = ", ".join(dict.fromkeys(" by ".join(filter(None, (row["ended"], row["rule"]))) for row in rows))
    cells = [name, str(len(rows)), ended, _spread(rows, "seconds"), _spread(rows, "exposed_seconds")]
    cells += [_range(rows, "reached"), _range(rows, "requests_reached"), _range(rows, "failed")]
    cells += [_spread(rows, "back_seconds"), _range(rows, "load")]
    return f"| {' | '.join(cells)} |"


def _values(rows: Iterable[Row], column: str) -> list[float]:
    return [float(row[column]) for row in rows if row[column] != ""]


def _spread(rows: Iterable[Row], column: str) -> str:
    """Median and 95th percentile, or all where there are few."""
    values = _values(rows, column)
    if len(values) < 5:
        return ", ".join(f"{value:.1f}" for value in values)
    return f"{np.percentile(values, 50):.1f}, p95 {np.percentile(values, 95):.1f}"


def _range(rows: Iterable[Row], column: str) -> str:
    values = _values(rows, column)
    if not values:
        return ""
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


if __name__ == "__main__":
    main()
