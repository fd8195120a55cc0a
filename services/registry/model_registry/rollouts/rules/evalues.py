"""E-values: how much more likely the counts are if a version is worse than if it is as good as the one before.

An e-value of at least E comes up in at most 1 of E rollouts of a version that is as good, however often one looks
(Ville 1939; Waudby-Smith and Ramdas, arXiv 2205.14762, for counts in production). An event is a canary's with
probability p, its share of all trials, where both versions are alike, and with r p / (1 + p (r - 1)) where the new one
has r times as many: each event multiplies by the ratio of the two. Of several r the mean counts, which is one again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log

ENDLESS = 600.0
"""Logarithm beyond which an e-value is said to be that large, so that it stays a number."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Events and trials of the new version, and of what it is compared with."""

    events: int
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


def dispersion_of(devices: Iterable[tuple[int, int]]) -> float:
    """How much more the events differ from device to device than chance alone would have it; at least 1.

    devices: events and trials of each. Pearson's statistic over its degrees of freedom (McCullagh and Nelder 1989).
    """
    known = [(events, trials) for events, trials in devices if trials]
    trials = sum(count for _, count in known)
    events = sum(count for count, _ in known)
    if len(known) < 3 or not events or events == trials:
        return 1.0
    share = events / trials
    spread = sum((count - share * among) ** 2 / (among * share * (1.0 - share)) for count, among in known)
    return max(1.0, spread / (len(known) - 1))
