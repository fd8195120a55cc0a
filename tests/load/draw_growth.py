"""Draws docs/measured/growth.svg from docs/measured/growth.csv: one page, a plot for each sweep of `bench_growth.py`.

Points are medians over the rounds; a whisker goes from the lowest round to the highest. Both axes are logarithmic where
the cost spans more than a decade, so that what grows in proportion is a straight line.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from statistics import median
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot
from measure import MEASURED
from peer_tables import Row, read_rows, values_of

COLOURS = ("#b85a10", "#3f4f6b", "#7f8fa8", "#ee8d3d")


def main() -> None:
    """Draws the picture."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    rows = read_rows(MEASURED / "growth.csv")
    # Letters stay letters, so that the file is small and can be searched; ids don't depend on chance.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "growth", "font.size": 8.5})
    figure, panels = pyplot.subplots(3, 3, figsize=(11.0, 9.6))
    (rate, latency, memory), (start, starts, loaded), (classes, answer, clip) = panels
    kinds = sorted({str(row["kind"]) for row in rows if row["sweep"] == "callers"})
    _lines(
        rate, rows, "callers", [(kind, "answers_per_second", f"answered, {kind}") for kind in kinds], "calls a second"
    )
    _lines(
        rate, rows, "callers", [(kind, "refusals_per_second", f"refused, {kind}") for kind in kinds[:1]], dashed=True
    )
    queue = kinds[-1]
    _lines(latency, rows, "callers", [(queue, "median_ms", "median"), (queue, "p95_ms", "p95")], "ms", logarithmic=True)
    _lines(latency, rows, "callers", [(queue, "cpu_ms_an_answer", "processor's time")], logarithmic=True, dashed=True)
    _lines(memory, rows, "callers", [(queue, "pss_mib", "MiB"), (queue, "threads", "threads")], "MiB; threads")
    begun = [("cold", "start_s", "first start, s"), ("warm", "start_s", "later start, s")]
    _lines(start, rows, "bundle", begun, "s", logarithmic=True)
    _lines(start, rows, "bundle", [("call", "median_ms", "a call, ms")], "s; ms", logarithmic=True, dashed=True)
    _lines(starts, rows, "tasks", begun, "s")
    _lines(starts, rows, "tasks", [("call", "median_ms", "a call, ms")], "s; ms", dashed=True)
    _lines(loaded, rows, "bundle", [("warm", "pss_mib", "by MB of weights")], "MiB")
    _lines(loaded, rows, "tasks", [("warm", "pss_mib", "by tasks")], "MiB")
    tops = [(kind, "cpu_ms", kind) for kind in ("top_k 0", "top_k 5")]
    _lines(classes, rows, "classes", tops, "processor's ms a call", logarithmic=True)
    _lines(answer, rows, "classes", [(kind, "answer_bytes", kind) for kind, _, _ in tops], "bytes", logarithmic=True)
    stages = [("answered", f"{stage}_ms", stage) for stage in ("decode", "run", "interpret")]
    _lines(clip, rows, "clip", [("answered", "median_ms", "whole call"), *stages], "ms a call", logarithmic=True)
    for panel, title, along in (
        (rate, "callers: what is answered", "callers"),
        (latency, f"callers: how long it takes ({queue})", "callers"),
        (memory, f"callers: memory and threads ({queue})", "callers"),
        (start, "size of a bundle: start and call", "MB of weights"),
        (starts, "tasks in one server: start and call", "tasks"),
        (loaded, "size and tasks: memory (PSS)", "MB of weights, or tasks"),
        (classes, "classes: time", "labels"),
        (answer, "classes: size of the answer", "labels"),
        (clip, "length of a clip: time by stage", "s of sound"),
    ):
        panel.set_title(title, fontsize=9, loc="left")
        panel.set_xlabel(along)
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False, fontsize=7.5)
        if panel.get_yscale() == "linear":
            panel.set_ylim(bottom=0)
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter("")
    figure.tight_layout()
    figure.savefig(MEASURED / "growth.svg", metadata={"Date": None})


def _lines(
    panel: Any,
    rows: Sequence[Row],
    sweep: str,
    lines: Sequence[tuple[str, str, str]],
    unit: str = "",
    logarithmic: bool = False,
    dashed: bool = False,
) -> None:
    """lines: of each its kind, what was measured, and its name."""
    for kind, measure, name in lines:
        where = {"sweep": sweep, "kind": kind, "measure": measure}
        sizes = sorted(
            {float(str(row["size"])) for row in rows if all(row[key] == each for key, each in where.items())}
        )
        seen = [values_of(rows, "value", size=f"{size:g}", **where) for size in sizes]
        colour = COLOURS[len(panel.lines) // 2 % len(COLOURS)]
        middle = [median(values) for values in seen]
        panel.plot(sizes, middle, "--" if dashed else "-", color=colour, label=name, marker="o", markersize=3)
        panel.vlines(sizes, [min(values) for values in seen], [max(values) for values in seen], color=colour)
        panel.plot([], [])
    panel.set_xscale("log")
    if logarithmic:
        panel.set_yscale("log")
    if unit:
        panel.set_ylabel(unit)


if __name__ == "__main__":
    main()
