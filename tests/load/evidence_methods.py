"""Ways to weigh the errors of a few devices against others: which stops soonest, and which is fooled least.

| method | evidence |
|---|---|
| totals | `rules.evalues.log_e` of the stage's totals |
| windows | the same, as a product over reports, each with its own share of requests |
| mle | a mixture over the shares of errors of both, over the largest likelihood of one share (universal inference) |
| clusters | totals, for less by how alike the errors of one control are |
| forgiving | a burst of each canary does not count once the stage is long enough for one to be likely |
| without one | of three canaries or more, 15 s of failing requests of any one do not count, from a minute on |

Against the peers, and each canary against its own hour before; where neither is named, the smaller of the two.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from fleet_noise import Counted, Floats, Ints
from numpy.typing import NDArray
from scipy.special import betaln, xlogy

RATIOS = np.array([2.0, 5.0, 20.0])
Method = Callable[[Counted, Counted, NDArray[np.bool_]], Floats]
"""From the stage, the hour before and who is a canary: the natural logarithm of the evidence after each step."""


def _mixed(logs: Floats) -> Floats:
    """Mean over the ratios, which are the last axis."""
    highest = logs.max(axis=-1, keepdims=True)
    mean: Floats = (highest + np.log(np.exp(logs - highest).mean(axis=-1, keepdims=True)))[..., 0]
    return mean


def _ratio_logs(events: Ints, trials: Ints, others: Ints, other_trials: Ints) -> Floats:
    """By ratio."""
    share = trials / np.maximum(1, trials + other_trials)
    bound = np.log1p(share[..., None] * (RATIOS - 1.0))
    logs: Floats = events[..., None] * np.log(RATIOS) - (events + others)[..., None] * bound
    known = (trials > 0) & (other_trials > 0)
    return np.where(known[..., None], logs, 0.0)


def _sums(counted: Counted, chosen: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Events and trials of each step."""
    return counted.errors[:, chosen].sum(axis=1), counted.requests[:, chosen].sum(axis=1)


def totals_peers(stage: Counted, _: Counted, canary: NDArray[np.bool_]) -> Floats:
    """Of everything since the stage began."""
    mine, others = _sums(stage, canary), _sums(stage, ~canary)
    return _mixed(_ratio_logs(*(np.cumsum(one) for one in (*mine, *others))))


def windows_peers(stage: Counted, _: Counted, canary: NDArray[np.bool_]) -> Floats:
    """A product over steps."""
    return _mixed(np.cumsum(_ratio_logs(*_sums(stage, canary), *_sums(stage, ~canary)), axis=0))


def totals_before(stage: Counted, before: Counted, canary: NDArray[np.bool_]) -> Floats:
    """Each canary against itself; their logarithms add up."""
    mine = np.cumsum(stage.errors[:, canary], axis=0), np.cumsum(stage.requests[:, canary], axis=0)
    shape = mine[0].shape
    then = before.errors[:, canary].sum(axis=0), before.requests[:, canary].sum(axis=0)
    logs = _ratio_logs(*mine, np.broadcast_to(then[0], shape), np.broadcast_to(then[1], shape))
    enough = then[1] >= 20
    return _mixed((logs * enough[None, :, None]).sum(axis=1))


def mle_peers(stage: Counted, _: Counted, canary: NDArray[np.bool_]) -> Floats:
    """Against the peers, by universal inference."""
    mine, others = _sums(stage, canary), _sums(stage, ~canary)
    return _universal(*(np.cumsum(one).astype(float) for one in (*mine, *others)))


def mle_before(stage: Counted, before: Counted, canary: NDArray[np.bool_]) -> Floats:
    """Each canary against itself."""
    mine = np.cumsum(stage.errors[:, canary], axis=0), np.cumsum(stage.requests[:, canary], axis=0)
    shape = mine[0].shape
    then = before.errors[:, canary].sum(axis=0), before.requests[:, canary].sum(axis=0)
    each = _universal(
        *(one.astype(float) for one in mine), *(np.broadcast_to(one, shape).astype(float) for one in then)
    )
    return (each * (then[1] >= 20)).sum(axis=1)


def _universal(events: Floats, trials: Floats, others: Floats, other_trials: Floats) -> Floats:
    """Jeffreys' prior for the new version's share; one of mean 1 % for the other's."""
    mixture = betaln(events + 0.5, trials - events + 0.5) - betaln(0.5, 0.5)
    mixture += betaln(others + 0.5, other_trials - others + 49.5) - betaln(0.5, 49.5)
    whole, both = trials + other_trials, events + others
    pooled = both / np.maximum(1.0, whole)
    largest = xlogy(both, pooled) + xlogy(whole - both, 1.0 - pooled)
    worse = events * np.maximum(1.0, other_trials) > others * np.maximum(1.0, trials)
    return np.where(worse & (trials > 0) & (other_trials > 0), mixture - largest, 0.0)


def dispersion(stage: Counted, canary: NDArray[np.bool_]) -> Floats:
    """Of the controls, after each step; at least 1."""
    events, trials = (np.cumsum(one[:, ~canary], axis=0) for one in (stage.errors, stage.requests))
    share = events.sum(axis=1) / np.maximum(1, trials.sum(axis=1))
    variance = trials * (share * (1.0 - share))[:, None]
    spread = np.where(variance > 0.0, (events - trials * share[:, None]) ** 2 / np.maximum(variance, 1e-12), 0.0)
    degrees = (trials > 0).sum(axis=1) - 1
    found: Floats = np.where(degrees >= 2, spread.sum(axis=1) / np.maximum(1, degrees), 1.0)
    return np.maximum(1.0, found)


def clustered(stage: Counted, canary: NDArray[np.bool_]) -> Floats:
    """Of the canaries, by how alike the events of one control are, after each step; at least 1."""
    beyond = dispersion(stage, canary) - 1.0
    trials = np.cumsum(stage.requests, axis=0).astype(float)
    controls = trials[:, ~canary]
    size = controls.sum(axis=1) / np.maximum(1, (controls > 0).sum(axis=1)) - 1.0
    alike = np.clip(np.where(size > 0.0, beyond / np.maximum(size, 1e-9), 0.0), 0.0, 1.0)
    mine = trials[:, canary]
    typical = (mine**2).sum(axis=1) / np.maximum(1.0, mine.sum(axis=1))
    found: Floats = 1.0 + np.maximum(0.0, typical - 1.0) * alike
    return found


def for_clusters(method: Method) -> Method:
    """Divided by the dispersion that canaries of so many requests should have."""
    return lambda stage, before, canary: method(stage, before, canary) / clustered(stage, canary)


def forgiving(method: Method, dt: float) -> Method:
    """A canary's errors in 10 s worth of its requests do not count, once it was watched for 10 minutes; none at 1."""

    def found(stage: Counted, before: Counted, canary: NDArray[np.bool_]) -> Floats:
        after = (np.arange(len(stage.errors)) + 1.0)[:, None] * dt
        part = 10.0 * np.clip((after - 60.0) / 540.0, 0.0, 1.0) / after
        left = np.maximum(0.0, np.cumsum(stage.errors, axis=0) - part * np.cumsum(stage.requests, axis=0))
        errors = np.where(canary, np.diff(left, axis=0, prepend=0.0), stage.errors)
        return method(Counted(stage.requests, errors, stage.over, stage.unknown, stage.scores), before, canary)

    return found


def without_one(method: Method, dt: float, seconds: float = 15.0) -> Method:
    """Of three canaries or more, 15 s of errors of any one do not count in a stage of 60 s; in one of 30 s all do."""

    def found(stage: Counted, before: Counted, canary: NDArray[np.bool_]) -> Floats:
        if canary.sum() < 3:
            return method(stage, before, canary)
        after = (np.arange(len(stage.errors)) + 1.0)[:, None] * dt
        part = seconds * np.clip(after / 30.0 - 1.0, 0.0, 1.0) / after
        summed = np.cumsum(stage.errors, axis=0)
        left = np.maximum(0.0, summed - part * np.cumsum(stage.requests, axis=0))
        changes = np.diff(left, axis=0, prepend=0.0)
        each = []
        for place in np.flatnonzero(canary):
            errors = np.where(np.arange(len(canary)) == place, changes, stage.errors)
            seen = Counted(stage.requests, errors, stage.over, stage.unknown, stage.scores)
            each.append(method(seen, before, canary))
        lowest: Floats = np.min(each, axis=0)
        return lowest

    return found


def smaller(one: Method, other: Method) -> Method:
    """Of two."""
    return lambda *seen: np.minimum(one(*seen), other(*seen))


def methods(dt: float) -> dict[str, Method]:
    """All of them by name; the last is what the rules do. dt: seconds of a step."""
    both = for_clusters(totals_peers), for_clusters(totals_before)
    return {
        "totals, peers": totals_peers,
        "totals, before": totals_before,
        "totals": smaller(totals_peers, totals_before),
        "windows": smaller(windows_peers, totals_before),
        "mle": smaller(mle_peers, mle_before),
        "clusters": smaller(*both),
        "clusters, forgiving": smaller(*(forgiving(one, dt) for one in both)),
        "clusters, forgiving, without one": smaller(*(without_one(forgiving(one, dt), dt) for one in both)),
    }
