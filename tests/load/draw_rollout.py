"""Draws `docs/rollout.svg`: what `pipit rollout watch` showed while a bad version was promoted, and stopped itself.

Nothing in it is made up. `pipit demo --rollout` trains its bundle, or finds it, and promotes a version whose labels are
mixed up to three servers that are asked all the time. The picture holds two moments of that run: the last one before
the rule fired, and the one at which every device was back.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from draw_at_work import THEME
from pipit.cli.demo.processes import terminated_like_interrupted
from pipit.cli.demo.run import DemoOptions, run_demo
from pipit.cli.output import print_json, say
from pipit.cli.rollout_follow import outcome
from pipit.cli.rollout_view import line_of, table_of
from pipit.fleet import RolloutView
from pipit.training.progress import RichProgress
from rich.console import Console
from servers import ROOT, SERVE_PYTHON

OUTPUT = ROOT / "docs/rollout.svg"
COLUMNS = 150
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""From elsewhere on the network; whoever lacks them has another one of fixed width."""


class Recorder:
    """Keeps each view with the time at which it was seen."""

    def __init__(self) -> None:
        self.seen: list[tuple[datetime, RolloutView]] = []

    def __call__(self, views: Iterator[RolloutView]) -> RolloutView:
        """Takes all; gives the last."""
        for view in views:
            self.seen.append((datetime.now(UTC), view))
            say(f"{self.seen[-1][0]:%H:%M:%S} {line_of(view)}")
        return self.seen[-1][1]


def draw(seen: list[tuple[datetime, RolloutView]], title: str) -> str:
    """The SVG. Both moments are drawn as a terminal of COLUMNS columns shows them."""
    running = next(one for one in reversed(seen) if one[1].rollout.is_open)
    with Path("/dev/null").open("w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        for at, view in (running, seen[-1]):
            console.print(table_of(view, at, brief=True), highlight=False)
        console.print(outcome(seen[-1][1].rollout), highlight=False)
        return _FONTS.sub("", console.export_svg(title=title, theme=THEME))


def main() -> None:
    """Runs the demo and draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, default=ROOT / "runs/demo", help="folder of the demo")
    parser.add_argument("--data", type=Path, help="folder of data sets; none: synthetic sounds")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    python = SERVE_PYTHON if SERVE_PYTHON.exists() else Path(sys.executable)
    demo = DemoOptions("", options.state.absolute(), options.data, serve_python=python, rollout=True)
    recorder = Recorder()
    with terminated_like_interrupted():
        result = run_demo(demo, RichProgress(), recorder)
    options.output.write_text(draw(recorder.seen, f"pipit rollout watch {result.task}"), "utf-8")
    print_json(result.rollout)


if __name__ == "__main__":
    main()
