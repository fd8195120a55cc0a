"""An hour of television as lines and bars: what the members' vote said, what a viewer would have got, and the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pipit.blocks.offline import Block
from pipit.training.plots import BLUE, GREY, ORANGE, new_figure, save_figure

from ad_detection.blocks.fitting import Watched

HOUR = 3600.0


def plot_hour(path: Path, recording: Watched, said: Mapping[str, Sequence[Block]], begin: float = 0.0) -> None:
    """Writes a PNG. said: breaks by the name of what said so. begin: seconds into the recording."""
    start = float(recording.seconds[0]) + begin
    stop = min(start + HOUR, recording.end)
    rows = {"truth": list(recording.truth), **{name: list(blocks) for name, blocks in said.items()}}
    figure = new_figure(2.4 + 0.35 * len(rows))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3.0, float(len(rows))])
    shown = (recording.seconds >= start) & (recording.seconds < stop)
    minutes = (recording.seconds[shown] - start) / 60.0
    above.plot(minutes, recording.scores[shown], color=BLUE, linewidth=0.8)
    dead = shown & ~recording.whole
    if dead.any():
        # What nothing is drawn of was not known.
        silent = np.where(recording.whole[shown], np.nan, 1.03)
        above.plot(minutes, silent, color=GREY, linewidth=3, label="a member that hears is silent")
        above.legend(loc="center right", fontsize=8)
    above.set(ylabel="vote: advertisement", ylim=(-0.04, 1.08))
    for place, (name, blocks) in enumerate(rows.items()):
        spans = [((max(a, start) - start) / 60.0, (min(b, stop) - max(a, start)) / 60.0) for a, b in blocks]
        spans = [span for span in spans if span[1] > 0.0]
        below.broken_barh(spans, (place - 0.36, 0.72), color=GREY if name == "truth" else ORANGE)
    below.set_yticks(range(len(rows)), list(rows))
    below.set(xlabel="minutes", xlim=(0.0, (stop - start) / 60.0), ylim=(len(rows) - 0.4, -0.6))
    save_figure(figure, path)
