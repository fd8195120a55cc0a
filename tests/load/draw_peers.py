"""Draws docs/measured/peers.svg from docs/measured/peers.csv: calls a second of every server, by call and callers.

Medians over the rounds; a bar's whisker goes from the slowest round to the fastest. It also writes the tables of
docs/measured/peers.md, between the page's marks.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot
from measure import MEASURED
from peer_calls import CALLS
from peer_tables import (
    NAMES,
    Row,
    callers_of,
    calm,
    latencies,
    middle,
    read_rows,
    servers_of,
    table,
    values_of,
    versions,
)

TITLES = {
    "clip": "clip: decode, log-mel, network, scores",
    "tensor": "tensor: the network alone",
    "empty": "empty: a call that does nothing",
}
SHADES = ("#bfc8d6", "#7f8fa8", "#3f4f6b")
"""Of one caller, of some, and of many; Pipit's are below."""
PIPIT = ("#f6c79b", "#ee8d3d", "#b85a10")
HEIGHT = 0.26


def main() -> None:
    """Draws the picture."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    every = read_rows()
    rows = calm(every)
    # Letters stay letters, so that the file is small and can be searched; ids don't depend on chance.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "peers", "font.size": 9})
    calls = [call for call in ("clip", "tensor", "empty") if call in CALLS]
    servers = servers_of(rows)
    figure, panels = pyplot.subplots(1, len(calls), figsize=(11.0, 0.62 * len(servers) + 1.2), sharey=True)
    for panel, call in zip(panels, calls, strict=True):
        _panel(panel, rows, servers, call)
    panels[0].set_yticks(range(len(servers)), [NAMES.get(server, server).replace("`", "") for server in servers])
    panels[0].invert_yaxis()
    handles, labels = panels[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False)
    figure.tight_layout(rect=(0.0, 0.05, 1.0, 1.0))
    figure.savefig(MEASURED / "peers.svg", metadata={"Date": None})
    page = MEASURED / "peers.md"
    text = page.read_text("utf-8")
    for name, content in (
        ("own", table(rows)),
        ("shared", table(rows, shared=True)),
        ("latency", latencies(rows)),
        ("versions", versions(every)),
    ):
        text = _filled(text, name, content)
    page.write_text(text, "utf-8")


def _filled(text: str, name: str, content: str) -> str:
    """The page with `content` between the marks of that name."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, _, rest = text.partition(begin)
    return f"{before}{begin}{content}\n{end}{rest.partition(end)[2]}"


def _panel(panel: Any, rows: Sequence[Row], servers: Sequence[str], call: str) -> None:
    many = callers_of(rows)
    for place, callers in enumerate(many):
        shade = round(place * (len(SHADES) - 1) / max(1, len(many) - 1))
        for position, server in enumerate(servers):
            where = {"server": server, "call": call, "callers": callers, "connections": callers}
            rate, seen = middle(rows, "requests_per_second", **where), values_of(rows, "requests_per_second", **where)
            if rate is None:
                continue
            height = position + (place - (len(many) - 1) / 2) * HEIGHT
            colour = (PIPIT if server.startswith("pipit") else SHADES)[shade]
            label = f"{callers} caller{'s' * (callers > 1)}" if server == servers[-1] else None
            panel.barh(height, rate, HEIGHT * 0.92, color=colour, label=label)
            panel.plot((min(seen), max(seen)), (height, height), color="#222222", linewidth=0.8)
    panel.set_title(TITLES[call], fontsize=9, loc="left")
    panel.set_xlabel("calls a second")
    panel.spines[["top", "right"]].set_visible(False)
    panel.margins(y=0.02)


if __name__ == "__main__":
    main()
