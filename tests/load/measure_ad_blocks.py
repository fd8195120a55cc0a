"""Policies over time on a real broadcast's measurements: what a viewer would get of each.

    python tests/load/measure_ad_blocks.py

Needs `ads` of PIPIT_DATA. Everything is chosen on the first two thirds, whose scores come from models that did not see
the segment; the last third is measured, and chose nothing (`ad_broadcast.py`). The truth is either the label of the
segment, or a person's ruling on the frame; where that is neither advertisement nor content, the label counts.

    threshold   what the score says of each frame, from the threshold on that costs least
    debounce    the same, once it has lasted 4 s, and 2 s for the end
    mute, skip  the two policies of `ad_detection.blocks`, by the profile `broadcast`
    floor       frames from the threshold on, then every stretch of programme under 80 s is taken for a break
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from ad_broadcast import Broadcast, broadcast_scores
from ad_detection.blocks.ensemble import Ensemble, Member
from ad_detection.blocks.fitting import (
    Watched,
    choose_policy,
    cost,
    fit_weights,
    measured,
    muted,
    skipped,
    voted,
)
from ad_detection.blocks.profiles import PROFILES
from ad_detection.blocks.recipe import PolicySettings
from measure import write_csv
from numpy.typing import NDArray
from pipit.blocks.debounce import Debounce
from pipit.blocks.measures import blocks_of
from pipit.blocks.offline import Block
from pipit.blocks.policy import Policy, log_odds
from pipit.settings import DataSettings, load_settings
from sklearn.metrics import roc_auc_score

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
FLOOR = 80.0
VOTES = {
    "vote without logos": ("picture", "sound", "furniture"),
    "vote with logos": ("logo", "picture", "sound", "furniture"),
}
COSTS = PolicySettings()
Scores = NDArray[np.float64]
Bits = NDArray[np.bool_]
Say = Callable[[Watched], list[Block]]
Row = dict[str, object]


def main() -> None:
    """Prints and writes `docs/measured/ad_blocks_broadcast.csv`."""
    data = load_settings(DataSettings).data
    assert data is not None, "set PIPIT_DATA"
    broadcast = broadcast_scores(data / "ads")
    scores = {name: broadcast.scores[name] for name in ("sound", "no_logo", "all")}
    scores |= {name: vote(broadcast, members) for name, members in VOTES.items()}
    rows: list[Row] = []
    for name, values in scores.items():
        first = watched(broadcast, values, ~broadcast.last, broadcast.truth)
        sayings = chosen(first)
        for part, taken in (("first two thirds", ~broadcast.last), ("last third", broadcast.last)):
            for labelling, truth in (("segment", broadcast.truth), ("person", reviewed(broadcast))):
                seen = watched(broadcast, values, taken, truth)
                area = float(roc_auc_score(truth[taken], values[taken]))
                rows.append(row(name, part, labelling, "frames", "auc", area, int(taken.sum())))
                for policy, say in sayings.items():
                    found = measured([seen], [say(seen)])
                    rows += [
                        row(name, part, labelling, policy, metric, value, int(taken.sum()))
                        for metric, value in found.items()
                    ]
    write_csv("ad_blocks_broadcast", rows, ("numpy", "scipy", "scikit-learn"))


def vote(broadcast: Broadcast, members: Sequence[str]) -> Scores:
    """Weights are fitted where policies are chosen."""
    columns = np.column_stack([broadcast.scores[name] for name in members])
    made_up = tuple(Member(name, f"ads.{name}", "0.0.0", "0" * 64, name == "sound", 0.5) for name in members)
    table = Ensemble(made_up, "fitted", (1.0,) * len(members)).rows(columns)
    weights, bias = fit_weights(table[~broadcast.last], broadcast.truth[~broadcast.last])
    print(f"{', '.join(members)}: weights {np.round(weights, 3)}, bias {bias:.3f}")  # noqa: T201
    logits = voted(log_odds(columns), np.ones_like(columns), np.array(weights)) + bias
    return np.asarray(1.0 / (1.0 + np.exp(-logits)), np.float64)


def reviewed(broadcast: Broadcast) -> Bits:
    """A person's ruling; the segment's label where it is neither."""
    return np.where(broadcast.reviewed == "other", broadcast.truth, broadcast.reviewed == "ad").astype(bool)


def watched(broadcast: Broadcast, scores: Scores, taken: Bits, truth: Bits) -> Watched:
    """One part of the broadcast."""
    seconds = broadcast.times[taken]
    end = float(seconds[-1] + (seconds[-1] - seconds[-2]))
    breaks = blocks_of(seconds, truth[taken], end)
    return Watched(seconds, scores[taken], np.ones(int(taken.sum()), bool), tuple(breaks))


def chosen(first: Watched) -> dict[str, Say]:
    """Each policy with what costs least on the first part."""
    share = sum(stop - start for start, stop in first.truth) / (first.end - float(first.seconds[0]))
    start = Policy(PROFILES["broadcast"])
    mute, skip = choose_policy([first], start, share, COSTS.lost_weighs, COSTS.switch_seconds)
    print(f"mute {mute.parameters}\nskip {skip.parameters}")  # noqa: T201

    def cheapest(make: Callable[[float], Say]) -> Say:
        return min(map(make, THRESHOLDS), key=lambda say: costs(first, say))

    return {
        "threshold": cheapest(lambda limit: lambda one: at_threshold(one, limit)),
        "debounce": cheapest(lambda limit: lambda one: debounced(one, replace(start, threshold=limit))),
        "floor": cheapest(lambda limit: lambda one: floored(one, limit)),
        "mute": lambda one: muted(one, mute),
        "skip": lambda one: skipped(one, skip),
    }


def costs(first: Watched, say: Say) -> float:
    """As policies are chosen by."""
    hours = (first.end - float(first.seconds[0])) / 3600.0
    return cost(measured([first], [say(first)]), COSTS.lost_weighs, COSTS.switch_seconds, hours)


def at_threshold(one: Watched, limit: float) -> list[Block]:
    """Frame by frame."""
    return blocks_of(one.seconds, one.scores >= limit, one.end)


def debounced(one: Watched, policy: Policy) -> list[Block]:
    """Once it has lasted."""
    state = Debounce(policy)
    inside = [state.step(second, score) for second, score in zip(one.seconds, one.scores, strict=True)]
    return blocks_of(one.seconds, np.array(inside, bool), one.end)


def floored(one: Watched, limit: float) -> list[Block]:
    """Breaks that lie too near to each other are one."""
    blocks = at_threshold(one, limit)
    keep = [True, *(later[0] - earlier[1] >= FLOOR for earlier, later in pairwise(blocks))]
    starts = [block[0] for block, kept in zip(blocks, keep, strict=False) if kept]
    ends = [block[1] for block, kept in zip(blocks, [*keep[1:], True], strict=False) if kept]
    return list(zip(starts, ends, strict=True))


def row(scores: str, part: str, labelling: str, policy: str, metric: str, value: float, frames: int) -> Row:
    """One line of the table."""
    return {
        "scores": scores,
        "part": part,
        "truth": labelling,
        "policy": policy,
        "metric": metric,
        "value": round(value, 4),
        "frames": frames,
    }


if __name__ == "__main__":
    main()
