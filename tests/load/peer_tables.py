"""The rows of `bench_peers.py` as medians over its rounds, and as a table in Markdown."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

from measure import MEASURED
from peer_calls import CALLS

Row = Mapping[str, object]
DISTURBED = 0.15
"""Cores that something else may take during a load that counts as calm."""
LOAD = ("server", "call", "callers", "connections")
"""What tells loads of one round apart."""
NAMES = {
    "pipit": "Pipit (default)",
    "pipit-1": "Pipit, `--processes 1`",
    "grpcio": "bare grpcio, 10 threads",
    "fastapi": "FastAPI, 2 workers",
    "kserve": "KServe",
    "litserve": "LitServe, 2 workers",
    "bentoml": "BentoML, 2 workers",
    "mlserver": "MLServer, 2 workers",
}
"""As people call them."""


def read_rows(path: Path = MEASURED / "peers.csv") -> list[dict[str, str]]:
    """Of the CSV, without its comments; none where there is no file."""
    if not path.is_file():
        return []
    return list(csv.DictReader(line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")))


def calm(rows: Iterable[Row]) -> list[Row]:
    """Without the loads during which something else was busy, wherever there is a calm round of the same load."""
    kept: list[Row] = []
    for loads in _by_load(rows).values():
        kept += [row for row in loads if not disturbed(row)] or loads
    return kept


def disturbed(row: Row) -> bool:
    """Whether something else was busy during a load."""
    return float(str(row["others_cores"])) > DISTURBED


def _by_load(rows: Iterable[Row]) -> dict[tuple[str, ...], list[Row]]:
    loads: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        loads.setdefault(tuple(str(row[name]) for name in LOAD), []).append(row)
    return loads


def servers_of(rows: Iterable[Row]) -> list[str]:
    """In their order."""
    return list(dict.fromkeys(str(row["server"]) for row in rows))


def values_of(rows: Iterable[Row], column: str, **where: object) -> list[float]:
    """A column, over all rounds of the rows that have these values."""
    return [float(str(row[column])) for row in rows if all(str(row[name]) == str(each) for name, each in where.items())]


def middle(rows: Iterable[Row], column: str, **where: object) -> float | None:
    """The median of those; None where there are no such rows."""
    values = values_of(rows, column, **where)
    return median(values) if values else None


def callers_of(rows: Iterable[Row]) -> list[int]:
    """How many called at once, ascending."""
    return sorted({int(str(row["callers"])) for row in rows})


def table(rows: Sequence[Row], shared: bool = False) -> str:
    """Markdown: a line for each server. shared: callers share one connection."""
    many = [callers for callers in callers_of(rows) if not shared or callers > 1]
    calls = [call for call in CALLS if any(row["call"] == call for row in rows)]
    heads = [f"{call} {' / '.join(map(str, many))}" for call in calls]
    last = [] if shared else ["PSS MiB", "start s"]
    lines = [f"| | {' | '.join(heads + last)} |", "|---" * (1 + len(heads + last)) + "|"]
    for server in servers_of(rows):
        cells = [_cell(rows, server, call, many, shared) for call in calls]
        if not shared:
            cells += [
                _number(middle(rows, "pss_mib", server=server), 0),
                _number(middle(rows, "start_s", server=server), 1),
            ]
        if any(cells):
            lines.append(f"| {NAMES.get(server, server)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def latencies(rows: Sequence[Row]) -> str:
    """Markdown: median and 95th percentile of `clip`, in milliseconds, callers with connections of their own."""
    many = callers_of(rows)
    lines = [f"| | {' | '.join(f'{callers} callers' if callers > 1 else '1 caller' for callers in many)} |"]
    lines.append("|---" * (1 + len(many)) + "|")
    for server in servers_of(rows):
        where = [{"server": server, "call": "clip", "callers": each, "connections": each} for each in many]
        pairs = [(middle(rows, "median_ms", **each), middle(rows, "p95_ms", **each)) for each in where]
        cells = [f"{_number(half, 1)} / {_number(most, 1)}" for half, most in pairs]
        lines.append(f"| {NAMES.get(server, server)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def versions(rows: Sequence[Row]) -> str:
    """What was measured how often, in a line."""
    names = dict.fromkeys(f"{str(row['server']).partition('-')[0]} {row['version']}" for row in rows)
    loads = [[row for row in each if not disturbed(row)] for each in _by_load(rows).values()]
    counts = ", ".join(f"{sum(len(each) == n for each in loads)} in {n}" for n in sorted({len(each) for each in loads}))
    return f"{', '.join(names)}. Of {len(loads)} kinds of load, by the number of calm rounds: {counts}."


def _cell(rows: Sequence[Row], server: str, call: str, many: Sequence[int], shared: bool) -> str:
    found = [
        [
            middle(rows, column, server=server, call=call, callers=callers, connections=1 if shared else callers)
            for callers in many
        ]
        for column in ("requests_per_second", "server_cpu_ms")
    ]
    rates, costs = ([value for value in values if value is not None] for values in found)
    if not rates:
        return ""
    digits = 1 if min(costs) >= 1 else 2
    low, high = (_number(value, digits) for value in (min(costs), max(costs)))
    return f"{' / '.join(_number(rate, 0) for rate in rates)} ({low if low == high else f'{low}-{high}'})"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
