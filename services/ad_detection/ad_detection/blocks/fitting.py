"""Weights of members and a policy over time, chosen on recordings that trained no member.

Weights are a logistic regression on the members' log-odds that may give no member a weight below 0: who is right less
often than not gets none, and never votes against itself. Where a member is silent, its weight goes to the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from pipit.blocks.live import LivePolicy
from pipit.blocks.measures import blocks_of, measure_recordings
from pipit.blocks.offline import Block, find_blocks
from pipit.blocks.policy import Policy, log_odds
from pipit.errors import InvalidInput
from scipy.optimize import minimize

TRUSTS = (0.05, 0.1, 0.2, 0.4, 0.8)
ENTERS = (0.7, 0.9, 0.97, 0.99)
LEAVES = (0.3, 0.5, 0.7, 0.9)
SHRINKAGE = 1e-3
"""Of weights towards 0, a sample."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One recording as a policy sees it. seconds, scores (NaN for none), whole: (moments,). breaks: the truth."""

    seconds: NDArray[np.float64]
    scores: NDArray[np.float64]
    whole: NDArray[np.bool_]
    breaks: tuple[Block, ...]

    @property
    def end(self) -> float:
        """When the last look ends: after as long as the one before it took."""
        return float(self.seconds[-1] + (self.seconds[-1] - self.seconds[-2] if len(self.seconds) > 1 else 1.0))

    @property
    def truth(self) -> tuple[Block, ...]:
        """Within what was looked at."""
        begin = float(self.seconds[0])
        cut = ((max(start, begin), min(stop, self.end)) for start, stop in self.breaks)
        return tuple((start, stop) for start, stop in cut if stop > start)


def fit_weights(rows: NDArray[np.floating], is_ad: NDArray[np.bool_]) -> tuple[tuple[float, ...], float]:
    """Weights, one a member, and the bias. rows: (moments, 2, members). is_ad: (moments,).

    Raises InvalidInput where all is of one kind, or no member says anything.
    """
    present = np.asarray(rows[:, 1], np.float64)
    seen = present.any(axis=1)
    if not seen.any() or is_ad[seen].all() or not is_ad[seen].any():
        raise InvalidInput("weights can't be fitted: the training side needs scores of both ads and content")
    odds, truth, present = log_odds(rows[seen, 0]), is_ad[seen].astype(np.float64), present[seen]
    members = odds.shape[1]

    def loss(values: NDArray[np.float64]) -> float:
        logits = voted(odds, present, values[:members]) + values[members]
        nats = np.logaddexp(0.0, logits) - truth * logits
        return float(nats.mean() + SHRINKAGE * np.square(values[:members]).sum())

    start = np.append(np.full(members, 1.0 / members), 0.0)
    found = minimize(loss, start, method="L-BFGS-B", bounds=[(0.0, None)] * members + [(None, None)])
    weights = np.asarray(found.x[:members], np.float64)
    if not weights.sum() > 0.0:
        raise InvalidInput("no member says anything of advertisements on the training side; train the members anew")
    return tuple(float(weight) for weight in weights), float(found.x[members])


def voted(odds: NDArray[np.float64], present: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The fitted vote without its bias, (moments,); 0 where nobody is there. odds, present: (moments, members)."""
    there = present @ weights
    scale = np.divide(weights.sum(), there, out=np.zeros_like(there), where=there > 0.0)
    return np.asarray(((present * odds) @ weights) * scale, np.float64)


def muted(recording: Watched, policy: Policy) -> list[Block]:
    """What the live policy calls a break."""
    live = LivePolicy(policy)
    looks = zip(recording.seconds.tolist(), recording.scores.tolist(), recording.whole.tolist(), strict=True)
    inside = np.array([live.step(second, score, whole=whole).inside for second, score, whole in looks], bool)
    return blocks_of(recording.seconds, inside, recording.end)


def skipped(recording: Watched, policy: Policy) -> list[Block]:
    """What the offline policy calls a break."""
    return find_blocks(recording.seconds, recording.scores, policy)


def measured(recordings: Sequence[Watched], said: Iterable[Sequence[Block]]) -> dict[str, float]:
    """See `pipit.blocks.measures`. said: of each recording."""
    return measure_recordings(
        [(blocks, one.truth, float(one.seconds[0]), one.end) for one, blocks in zip(recordings, said, strict=True)]
    )


def cost(found: dict[str, float], lost_weighs: float, switch_seconds: float, hours: float) -> float:
    """Seconds of advertisements shown an hour, or what costs as much."""
    more = abs(found["switches"] - found["true_switches"]) / hours
    return found["shown_an_hour"] + lost_weighs * found["lost_an_hour"] + switch_seconds * more


def choose_policy(
    recordings: Sequence[Watched], start: Policy, share: float, lost_weighs: float, switch_seconds: float
) -> tuple[Policy, Policy]:
    """Live and offline: of all that are tried, what costs least on these recordings. share: of advertisements in them.

    A score that says as much as the share, or as a coin, is no evidence: both are tried.
    """
    hours = sum(one.end - float(one.seconds[0]) for one in recordings) / 3600.0

    def costs(policy: Policy, *, live: bool) -> float:
        said = [muted(one, policy) if live else skipped(one, policy) for one in recordings]
        return cost(measured(recordings, said), lost_weighs, switch_seconds, hours)

    bases = [replace(start, prior=prior, trust=trust) for prior, trust in product(sorted({share, 0.5}), TRUSTS)]
    offline = min(bases, key=lambda policy: costs(policy, live=False))
    # One after the other: what is evidence, then from how much of it on.
    base = min(bases, key=lambda policy: costs(policy, live=True))
    limits = [(enter, leave) for enter, leave in product(ENTERS, LEAVES) if leave <= enter]
    tried = (replace(base, enter=enter, leave=leave) for enter, leave in limits)
    return min(tried, key=lambda policy: costs(policy, live=True)), offline
