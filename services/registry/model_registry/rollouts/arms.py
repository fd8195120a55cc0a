"""The two arms of an A/B: what differs, how sure that is, and how much longer it takes to tell.

Shares: the interval of Newcombe (1998, method 10) from two of Wilson. Latency: Welch's, of the means, from sums and
sums of squares. Samples are hundreds, so the normal quantile stands for Student's.
"""

from __future__ import annotations

from math import sqrt

from pipit.fleet.types import ArmComparison

from model_registry.rollouts.counts import Counts, total
from model_registry.rollouts.rules.errors import corrected, failed, unknown
from model_registry.rollouts.view import View
from model_registry.rollouts.words import percent, seconds

Z = 1.959964
"""Standard normal, 97.5 %."""
ENOUGH = 100
"""Samples of each arm below which nobody can tell."""
_LONGEST = 90 * 86400.0
"""Seconds; what takes longer is said to be too much alike."""
_MEASURES = {"errors": failed, "unknown": unknown, "feedback": corrected}


def compare_arms(view: View) -> tuple[ArmComparison, ...]:
    """Errors, unknown and feedback as shares, latency in seconds; of this stage's requests alone."""
    old, new = view.control, total(seat.live for seat in view.canaries)
    watched = max(old.seconds, new.seconds)
    shares = [_share(name, measure(old), measure(new), watched) for name, measure in _MEASURES.items()]
    return (*shares, _latency(old, new, watched))


def wilson(events: int, trials: int) -> tuple[float, float]:
    """Interval of 95 % of a share (Wilson 1927); trials: at least 1."""
    share, square = events / trials, Z * Z
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    half = Z / (1 + square / trials) * sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    return max(0.0, middle - half), min(1.0, middle + half)


def newcombe(old: tuple[int, int], new: tuple[int, int]) -> tuple[float, float]:
    """Interval of 95 % of new - old, of shares as (events, trials)."""
    share_old, share_new = old[0] / old[1], new[0] / new[1]
    (low_old, high_old), (low_new, high_new) = wilson(*old), wilson(*new)
    difference = share_new - share_old
    low = difference - sqrt((share_new - low_new) ** 2 + (high_old - share_old) ** 2)
    high = difference + sqrt((high_new - share_new) ** 2 + (share_old - low_old) ** 2)
    return max(-1.0, low), min(1.0, high)


def _share(name: str, old: tuple[int, int], new: tuple[int, int], watched: float) -> ArmComparison:
    if not old[1] or not new[1]:
        return ArmComparison(name, 0.0, 0.0, 0.0, -1.0, 1.0, old[1], new[1], "", 0.0)
    low, high = newcombe(old, new)
    values = old[0] / old[1], new[0] / new[1]
    return _compared(name, values, (low, high), (old[1], new[1]), watched)


def _latency(old: Counts, new: Counts, watched: float) -> ArmComparison:
    if old.answered < 2 or new.answered < 2:
        return ArmComparison("latency", 0.0, 0.0, 0.0, 0.0, 0.0, old.answered, new.answered, "", 0.0)
    means = old.latency_sum / old.answered, new.latency_sum / new.answered
    half = Z * sqrt(_variance(old) / old.answered + _variance(new) / new.answered)
    difference = means[1] - means[0]
    interval = difference - half, difference + half
    return _compared("latency", means, interval, (old.answered, new.answered), watched)


def _variance(counts: Counts) -> float:
    mean = counts.latency_sum / counts.answered
    return max(0.0, counts.latency_squares - counts.answered * mean * mean) / (counts.answered - 1)


def _compared(
    name: str,
    values: tuple[float, float],
    interval: tuple[float, float],
    samples: tuple[int, int],
    watched: float,
) -> ArmComparison:
    """Less is better in every measure."""
    low, high = interval
    difference, enough = values[1] - values[0], min(samples) >= ENOUGH
    better = ("to" if high < 0.0 else "from" if low > 0.0 else "") if enough else ""
    longer = 0.0 if better else _longer(difference, (high - low) / 2.0, samples, watched)
    return ArmComparison(name, *values, difference, low, high, *samples, better, longer)


def _longer(difference: float, half: float, samples: tuple[int, int], watched: float) -> float:
    """Seconds until the interval is narrower than what lies between the arms now: it shrinks with the root of time."""
    if watched <= 0.0 or not min(samples) or not difference:
        return 0.0
    for_enough = watched * ENOUGH / min(samples)
    needed = watched * (half / abs(difference)) ** 2 * 1.1
    longer = max(needed, for_enough) - watched
    return longer if 0.0 < longer < _LONGEST else 0.0


def told_arms(view: View, comparisons: tuple[ArmComparison, ...]) -> list[str]:
    """A sentence for each measure, and who wins."""
    if not comparisons:
        return []
    old, new = view.rollout.from_version, view.rollout.to_version
    told = [_sentence(one, old, new) for one in comparisons if one.from_samples and one.to_samples]
    winners = {one.better for one in comparisons if one.better}
    if winners == {"to"}:
        told.append(f"{new} wins.")
    elif winners == {"from"}:
        told.append(f"{old} wins.")
    elif winners:
        told.append("Each of the two is better in something; somebody has to choose.")
    else:
        longer = [one.more_seconds for one in comparisons if one.more_seconds]
        when = f"in about {seconds(min(longer))} more at this rate of requests" if longer else "at what rate is unknown"
        told.append(f"Nobody can tell yet which is better; the first difference would show {when}.")
    return told


def _sentence(one: ArmComparison, old: str, new: str) -> str:
    names = {"errors": "failed requests", "unknown": "unknown predictions", "feedback": "corrected answers"}
    if one.measure == "latency":
        values = f"{one.from_value * 1e3:.1f} ms with {old}, {one.to_value * 1e3:.1f} ms with {new}"
        interval = f"{one.low * 1e3:+.1f} to {one.high * 1e3:+.1f} ms"
    else:
        values = f"{percent(one.from_value)} with {old}, {percent(one.to_value)} with {new}"
        interval = f"{one.low * 100:+.2f} to {one.high * 100:+.2f} percentage points"
    name = names.get(one.measure, "time to answer").capitalize()
    return f"{name}: {values} (difference {interval}, 95 %, {one.from_samples:,} and {one.to_samples:,} samples)."
