"""Draws panels of a dashboard with matplotlib, each by its type, in Grafana's layout."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import matplotlib.dates as mdates
import numpy as np
from dashboard_queries import LEGEND_LABEL
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

COLOURS = {"green": "#3b8f3e", "red": "#c4162a", "orange": "#e0752d", "blue": "#1f60c4"}
CYCLE = ["#3274d9", "#e0752d", "#3b8f3e", "#8f3bb8", "#c4a000", "#1b9e96", "#a0522d", "#6e6e6e", "#d35ca4", "#2f4b7c"]
GREY = "#6b7280"
COLUMN, ROW = 0.52, 0.36
"""Inches of one column and one row of Grafana's grid."""
Series = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one query of a panel. target: the query, as the dashboard has it."""

    target: Mapping[str, Any]
    series: Series


def draw(axes: Axes, panel: Mapping[str, Any], answers: Sequence[Answer]) -> None:
    """Fills the axes with the panel's answers."""
    KINDS[panel["type"]](axes, panel, answers)


def words(value: float, unit: str) -> str:
    """A value as Grafana writes it, more or less."""
    if not math.isfinite(value):
        return "no data"
    if unit == "s":
        return _duration(value)
    if unit == "sci" and 0 < abs(value) < 0.1:
        return f"{value:.1e}"
    factor, digits, suffix = SCALES.get(unit, (1, 4, ""))
    return f"{value * factor:.{digits}g}{suffix}"


SCALES = {"percentunit": (100, 3, " %"), "bytes": (2**-20, 4, " MiB"), "reqps": (1, 3, "/s"), "cps": (1, 3, "/s")}
"""By Grafana's unit: factor, digits, what stands behind."""


def _duration(seconds: float) -> str:
    for least, name in ((60, "min"), (1, "s"), (1e-3, "ms")):
        if abs(seconds) >= least:
            return f"{seconds / least:.3g} {name}"
    return f"{seconds * 1e6:.3g} µs" if seconds else "0"


def name_of(answer: Answer, one: Mapping[str, Any]) -> str:
    """The legend with its labels put in."""
    return LEGEND_LABEL.sub(lambda found: one["metric"].get(found[1], ""), answer.target.get("legendFormat", ""))


def points(one: Mapping[str, Any]) -> tuple[list[datetime], list[float]]:
    """Times and values of a series."""
    return [datetime.fromtimestamp(float(t), UTC) for t, _ in one["values"]], [float(v) for _, v in one["values"]]


def lines(axes: Axes, panel: Mapping[str, Any], answers: Sequence[Answer]) -> None:
    """timeseries"""
    defaults = panel["fieldConfig"]["defaults"]
    unit, custom = defaults["unit"], defaults.get("custom", {})
    named = [(name_of(answer, one), *points(one)) for answer in answers for one in answer.series]
    named.sort()
    if custom.get("stacking", {}).get("mode") == "normal" and len(named) > 1:
        _stack(axes, named, unit)
    else:
        for number, (name, times, values) in enumerate(named):
            dashed = any(re.search(rule["matcher"]["options"], name) for rule in panel["fieldConfig"]["overrides"])
            look = {"color": COLOURS["red"], "linestyle": (0, (4, 3)), "linewidth": 1.2}
            if not dashed:
                look = {"color": CYCLE[number % len(CYCLE)], "linewidth": 1.6}
                axes.fill_between(times, values, color=str(look["color"]), alpha=0.06)
            axes.plot(times, values, label=_legend(name, values, unit), **look)
    axes.set_ylim(bottom=0)
    highest = axes.get_ylim()[1]
    if not any(value for _, _, values in named for value in values if math.isfinite(value)):
        highest = 1.0
        axes.set_ylim(0, highest)
    if custom.get("thresholdsStyle", {}).get("mode") == "dashed":
        limit = defaults["thresholds"]["steps"][1]["value"]
        axes.set_ylim(0, max(highest, limit * 1.15))
        axes.axhline(limit, color=COLOURS["red"], linewidth=1, linestyle=(0, (4, 3)))
    if unit == "bytes":
        axes.yaxis.set_major_locator(MultipleLocator(2 ** math.ceil(math.log2(highest / 5))))
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=unit == "none" and highest > 3))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words(value, unit)))
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.6)
    _clock(axes)
    if named:
        columns = legend_columns(panel, [name for name, *_ in named])
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.13), ncols=columns, frameon=False, fontsize=7, borderpad=0)


def legend_columns(panel: Mapping[str, Any], names: Sequence[str]) -> int:
    """How many names, with their values, fit side by side."""
    # Characters of 7 points; 16 are a line's sample, its value, and space.
    room = (panel["gridPos"]["w"] * COLUMN - 0.6) * 17.5
    return int(max(1, min(3, room // (max(map(len, names), default=0) + 16))))


def _stack(axes: Axes, named: Sequence[tuple[str, list[datetime], list[float]]], unit: str) -> None:
    clock = sorted({time for _, times, _ in named for time in times})
    rows = []
    for _, times, values in named:
        known = dict(zip(times, values, strict=True))
        rows.append([known.get(time, 0.0) for time in clock])
    labels = [_legend(name, values, unit) for name, _, values in named]
    axes.stackplot(clock, np.nan_to_num(np.array(rows)), labels=labels, colors=CYCLE, alpha=0.65)


def _legend(name: str, values: Sequence[float], unit: str) -> str:
    finite = [value for value in values if math.isfinite(value)]
    return f"{name}   {words(finite[-1], unit)}" if finite else name


def _clock(axes: Axes) -> None:
    axes.xaxis.set_major_locator(mdates.AutoDateLocator(maxticks=7))
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%H:%M"))
    axes.margins(x=0)


def number(axes: Axes, panel: Mapping[str, Any], answers: Sequence[Answer]) -> None:
    """stat"""
    defaults = panel["fieldConfig"]["defaults"]
    times, values = points(answers[0].series[0]) if answers[0].series else ([], [math.nan])
    last = [value for value in values if math.isfinite(value)][-1:] or [math.nan]
    colour = "blue"
    for step in defaults["thresholds"]["steps"]:
        if step["value"] is None or last[0] >= step["value"]:
            colour = step["color"]
    mapped = next((m["options"] for m in defaults.get("mappings", [])), {}).get(f"{last[0]:g}")
    text, colour = (mapped["text"], mapped["color"]) if mapped else (words(last[0], defaults["unit"]), colour)
    if len(times) > 1:
        axes.fill_between(times, values, color=COLOURS[colour], alpha=0.12)
        axes.plot(times, values, color=COLOURS[colour], linewidth=0.8, alpha=0.5)
        axes.set_ylim(0, max([value for value in values if math.isfinite(value)] + [1e-9]) * 2.2)
        axes.margins(x=0)
    axes.set_axis_off()
    axes.text(
        0.5, 0.55, text, transform=axes.transAxes, ha="center", va="center", fontsize=19, weight="bold",
        color=COLOURS[colour],
    )  # fmt: skip


def heat(axes: Axes, panel: Mapping[str, Any], answers: Sequence[Answer]) -> None:
    """heatmap: cumulative buckets become bands."""
    unit = panel["options"]["yAxis"]["unit"]
    series = sorted(answers[0].series, key=lambda one: float(one["metric"]["le"]))
    ends = [float(one["metric"]["le"]) for one in series]
    clock = sorted({float(t) for one in series for t, _ in one["values"]})
    known = [{float(t): float(v) for t, v in one["values"]} for one in series]
    cumulative = np.array([[row.get(time, 0.0) for time in clock] for row in known])
    bands = np.clip(np.diff(cumulative, axis=0, prepend=0.0), 0.0, None)
    used = np.flatnonzero(bands.sum(axis=1))
    first, last = max(0, used[0] - 1), min(len(ends) - 1, used[-1] + 1)
    times = [datetime.fromtimestamp(time, UTC) for time in clock]
    shown = np.sqrt(bands[first : last + 1])
    axes.pcolormesh(times, np.arange(len(shown)), shown, cmap="Oranges", shading="nearest")
    axes.set_yticks(
        np.arange(len(shown)), [f"≤ {words(end, unit)}" if end < math.inf else "more" for end in ends[first : last + 1]]
    )
    _clock(axes)


def bands(axes: Axes, panel: Mapping[str, Any], answers: Sequence[Answer]) -> None:
    """state-timeline"""
    mapping = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    named = sorted(
        ((name_of(answer, one), one) for answer in answers for one in answer.series), reverse=True, key=lambda p: p[0]
    )
    for row, (_, one) in enumerate(named):
        times, values = points(one)
        stamps = mdates.date2num(times)
        step = float(np.median(np.diff(stamps))) if len(stamps) > 1 else 1e-4
        start = 0
        for end in range(1, len(stamps) + 1):
            if end == len(stamps) or values[end] != values[start] or stamps[end] - stamps[end - 1] > 1.5 * step:
                state = mapping[f"{values[start]:g}"]
                width = stamps[end - 1] - stamps[start] + step
                axes.barh(row, width, left=stamps[start], height=0.62, color=COLOURS[state["color"]], alpha=0.75)
                axes.text(
                    stamps[start] + width / 2, row, state["text"], ha="center", va="center", fontsize=7.5, color="white"
                )
                start = end
    axes.set_yticks(range(len(named)), [name for name, _ in named])
    axes.set_ylim(-0.7, len(named) - 0.3)
    axes.xaxis_date()
    _clock(axes)


def table(axes: Axes, panel: Mapping[str, Any], answers: Sequence[Answer]) -> None:
    """table"""
    arranged = next(t["options"] for t in panel["transformations"] if t["id"] == "organize")
    columns = sorted(arranged["indexByName"], key=arranged["indexByName"].get)
    rows = [
        [one["metric"].get(c, "") if c != "Value" else words(float(one["value"][1]), "none") for c in columns]
        for one in answers[0].series
    ]
    rows.sort()
    axes.set_axis_off()
    headings = [arranged["renameByName"][c] for c in columns]
    shown = [[cell[:24] for cell in row] for row in rows[: int((panel["gridPos"]["h"] * ROW - 0.75) / 0.21)]]
    longest = [max(len(row[c]) for row in [headings, *shown]) + 3 for c in range(len(columns))]
    widths = [length / max(sum(longest), 90) for length in longest]
    made = axes.table(
        shown, colLabels=headings, colWidths=widths, loc="upper left", cellLoc="left", colLoc="left", edges="horizontal"
    )
    made.auto_set_font_size(False)
    made.set_fontsize(7.5)
    for (row, _), cell in made.get_celld().items():
        cell.set_edgecolor("#e5e7eb")
        cell.set_height(0.21 / (axes.get_position().height * axes.figure.get_size_inches()[1]))
        cell.get_text().set_color(GREY if row == 0 else "black")


def columns(axes: Axes, panel: Mapping[str, Any], answers: Sequence[Answer]) -> None:
    """barchart"""
    unit, by = panel["fieldConfig"]["defaults"]["unit"], panel["options"]["xField"]
    renamed = next(t["options"] for t in panel["transformations"] if t["id"] == "organize")["renameByName"]
    keys = sorted({one["metric"][by] for answer in answers for one in answer.series}, key=float)
    width = 0.8 / len(answers)
    for number, answer in enumerate(answers):
        values = {one["metric"][by]: float(one["value"][1]) for one in answer.series}
        place = np.arange(len(keys)) + (number - (len(answers) - 1) / 2) * width
        name = renamed[f"Value #{answer.target['refId']}"]
        axes.bar(place, [values.get(key, math.nan) for key in keys], width * 0.92, color=CYCLE[number], label=name)
    axes.set_xticks(np.arange(len(keys)), [f"≤ {key}" for key in keys])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words(value, unit)))
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.13), ncols=2, frameon=False, fontsize=7)


KINDS = {
    "timeseries": lines,
    "stat": number,
    "heatmap": heat,
    "state-timeline": bands,
    "table": table,
    "barchart": columns,
}
