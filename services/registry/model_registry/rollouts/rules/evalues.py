"""E-values: how much more likely the counts are if a version is worse than if it is as good as the one before.

An event is a canary's with probability p, its share of all trials, where both versions are alike, and with
r p / (1 + p (r - 1)) where the new one has r times as many: each event multiplies by the ratio of the two. Of several r
the mean counts. If events are each for itself, an e-value of E or more comes up in at most 1 of E rollouts of a version
that is as good, however often one looks (Ville 1939; Lindon and Malek, arXiv 2011.03567, for counts in production).

Where the events of one device come in bursts, evidence is worth less, by how much more than chance the other devices
differ. That bound is no longer exact; it was tried on fleets that make noise (`tests/load/simulate_rules.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log

_FEWEST = 3
"""Devices below which nothing is known of how they differ."""
ENDLESS = 600.0
"""Logarithm beyond which an e-value is said to be that large, so that it stays a number."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Events and trials of the new version, and of what it is compared with."""

    events: float
    trials: int
    other_events: int
    other_trials: int


def log_e(pairs: Iterable[Pair], ratios: Sequence[float], dispersion: float = 1.0) -> float:
    """Natural logarithm of the e-value of all pairs together: each compares with its own.

    ratios: how many times as many events are looked for; below 1: as few. dispersion: variance of the counts over that
    of independent events, at least 1; evidence from events that come in bursts is worth so much less.
    """
    logs = [0.0] * len(ratios)
    for pair in pairs:
        trials = pair.trials + pair.other_trials
        if not pair.trials or not pair.other_trials:
            continue
        canary_share = pair.trials / trials
        events = pair.events + pair.other_events
        for place, ratio in enumerate(ratios):
            logs[place] += pair.events * log(ratio) - events * log(1.0 + canary_share * (ratio - 1.0))
    return _log_mean([value / dispersion for value in logs])


def log_e_assumed(events: int, trials: int, ratios: Sequence[float], share: float) -> float:
    """Against a share of events that is taken for usual, where there is nothing to compare with.

    ratios: above 1; those that would take the share over 1 count as 1 / (2 share).
    """
    logs = []
    for ratio in ratios:
        bounded = min(ratio, 0.5 / share)
        logs.append(events * log(bounded) + (trials - events) * log((1.0 - bounded * share) / (1.0 - share)))
    return _log_mean(logs)


def _log_mean(logs: Sequence[float]) -> float:
    highest = max(logs)
    return min(ENDLESS, highest + log(sum(exp(value - highest) for value in logs) / len(logs)))


def clustering_of(devices: Iterable[tuple[int, int]]) -> float:
    """How alike the events of one device are, beyond chance: 0, each for itself, to 1, all or none.

    devices: events and trials of each. The intraclass correlation, from Pearson's statistic (Williams 1982, model II).
    """
    known = [(events, trials) for events, trials in devices if trials]
    trials = sum(count for _, count in known)
    events = sum(count for count, _ in known)
    if len(known) < _FEWEST or not events or events == trials:
        return 0.0
    share = events / trials
    spread = sum((count - share * among) ** 2 / (among * share * (1.0 - share)) for count, among in known)
    beyond = spread / (len(known) - 1) - 1.0
    size = trials / len(known) - 1.0
    return min(1.0, max(0.0, beyond / size)) if size > 0.0 else 0.0


def dispersion_of(clustering: float, trials: Iterable[int]) -> float:
    """Variance of the events over that of independent ones, on devices of so many trials each; at least 1."""
    known = [count for count in trials if count]
    typical = sum(count * count for count in known) / sum(known) if known else 1.0
    return 1.0 + max(0.0, typical - 1.0) * clustering
