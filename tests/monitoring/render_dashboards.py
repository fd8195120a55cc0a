"""Draws each dashboard's panels, in its layout, from a real Prometheus beside a real stack: docs/dashboards/*.png.

    python tests/monitoring/render_dashboards.py --minutes 10

These are no screenshots of Grafana: the queries and the layout are the dashboards', the drawing is matplotlib's.
"""

from __future__ import annotations

import argparse
import tempfile
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from dashboard_queries import DASHBOARDS, choices, selected, substitute
from drawing import COLUMN, GREY, ROW, Answer, draw, legend_columns, name_of
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from prometheus_server import REPOSITORY, Prometheus
from running_stack import read_clips, run_traffic, running_stack, train

OUTPUT = REPOSITORY / "docs/dashboards"
HEAD = 0.75
DOTS = 120
WARM_UP = 330.0
"""Seconds that are not drawn: rates look five minutes back."""
NOTE = "Drawn by matplotlib from a real Prometheus; not a screenshot of Grafana."


def render(prometheus: Prometheus, start: float, end: float, folder: Path) -> None:
    """One PNG for each dashboard. start, end: seconds since 1970."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, dashboard in DASHBOARDS.items():
        values = selected(dashboard, choices(dashboard, prometheus))
        if name == "device":
            values["instance"] = "kitchen:9464"
        figure = draw_dashboard(dashboard, values, prometheus, start, end)
        figure.savefig(folder / f"{name}.png", dpi=DOTS)
        pyplot.close(figure)


def draw_dashboard(
    dashboard: Mapping[str, Any], values: Mapping[str, str], prometheus: Prometheus, start: float, end: float
) -> Figure:
    """All panels at their places."""
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    width, height = 24 * COLUMN, rows * ROW + HEAD
    figure = pyplot.figure(figsize=(width, height), facecolor="#f4f5f7")
    figure.text(0.008, 1 - 0.3 / height, dashboard["title"], fontsize=16, weight="bold", va="center")
    chosen = "   ".join(f"{name}: {'All' if value == '.*' else value}" for name, value in values.items())
    figure.text(0.008, 1 - 0.58 / height, chosen, fontsize=9, va="center", color=GREY)
    figure.text(0.992, 1 - 0.3 / height, NOTE, fontsize=9, va="center", ha="right", color=GREY)
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        left, top = place["x"] / 24, 1 - (HEAD + place["y"] * ROW) / height
        if panel["type"] == "row":
            figure.text(left + 0.008, top - 0.2 / height, panel["title"], fontsize=11, weight="bold", va="center")
            continue
        answers = ask(panel, values, prometheus, start, end)
        draw_panel(figure, panel, answers, (left, top, place["w"] / 24, place["h"] * ROW / height))
    return figure


def draw_panel(
    figure: Figure, panel: Mapping[str, Any], answers: list[Answer], place: tuple[float, float, float, float]
) -> None:
    """A white box with title, description and the drawing. place: left, top, width, height of the figure."""
    left, top, width, height = place
    inches = figure.get_size_inches()
    gap_x, gap_y = 0.05 / inches[0], 0.05 / inches[1]
    box = FancyBboxPatch(
        (left + gap_x, top - height + gap_y), width - 2 * gap_x, height - 2 * gap_y,
        boxstyle="square,pad=0", facecolor="white", edgecolor="#d8dbe0", linewidth=0.8,
        transform=figure.transFigure, zorder=-1,
    )  # fmt: skip
    figure.add_artist(box)
    small = panel["type"] == "stat"
    figure.text(
        left + 0.12 / inches[0],
        top - 0.2 / inches[1],
        panel["title"],
        fontsize=9 if small else 10,
        weight="bold",
        va="center",
    )
    below = 0.34
    if not small:
        text = textwrap.fill(panel["description"], int(width * inches[0] * 17))
        figure.text(left + 0.12 / inches[0], top - 0.34 / inches[1], text, fontsize=7, va="top", color=GREY)
        below += 0.16 * (text.count("\n") + 1)
    aside, under = MARGINS.get(panel["type"], (0.62, 0.4))
    if panel["type"] == "timeseries":
        names = [name_of(answer, one) for answer in answers for one in answer.series]
        under += 0.13 * -(-len(names) // legend_columns(panel, names))
    if panel["type"] == "state-timeline":
        aside = 2.0
    axes = figure.add_axes(
        (
            left + aside / inches[0],
            top - height + under / inches[1],
            width - (aside + 0.2) / inches[0],
            height - (below + 0.08 + under) / inches[1],
        )
    )
    axes.tick_params(labelsize=7, length=2, colors="#374151")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    draw(axes, panel, answers)


MARGINS = {"stat": (0.15, 0.15), "table": (0.15, 0.15), "heatmap": (0.75, 0.3), "barchart": (0.62, 0.5)}
"""Inches left of and under the axes, by type."""


def ask(
    panel: Mapping[str, Any], values: Mapping[str, str], prometheus: Prometheus, start: float, end: float
) -> list[Answer]:
    """What Grafana would have asked, at the end of the range or over it."""
    answers = []
    for target in panel["targets"]:
        expression = substitute(target["expr"], values)
        if target.get("instant"):
            answers.append(Answer(target, prometheus.query(expression, end)))
        else:
            answers.append(
                Answer(target, prometheus.query_range(expression, start, end, max(1.0, (end - start) / 240)))
            )
    return answers


def main() -> None:
    """Trains twice, starts a stack, lets it answer, and draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="of traffic, a swap in the middle (default: 10)")
    parser.add_argument("--work", type=Path, help="folder for trainings and the stack's data (default: one that goes)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        first, second = train(work, "1.0.0", "epochs=12"), train(work, "1.1.0", "epochs=30")
        with running_stack(work / "stack", first, read_clips(work)) as stack:
            marks: list[float] = []

            def wait() -> None:
                time.sleep(options.minutes * 30 + (0 if marks else WARM_UP))
                marks.append(time.time())

            run_traffic(stack, first.manifest.labels, second, wait)
            render(stack.prometheus, stack.begun + WARM_UP, marks[-1], OUTPUT)


if __name__ == "__main__":
    main()
