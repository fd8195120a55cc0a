"""Whether the best scores are spread otherwise than they should: the population stability index (PSI).

    PSI = sum over bins of (here - there) ln(here / there)

Against the bundle's own test split, and against what the version before gives now. The smaller counts: scores unlike
the test split's that the version before gives as well are the world's doing. And where single devices differ from each
other by more than the limit, so may those that try the version.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from pipit.fleet.types import SCORE_BINS, Evidence

from model_registry.rollouts.counts import Counts, total
from model_registry.rollouts.expected import Expected
from model_registry.rollouts.rules.errors import replayed_at
from model_registry.rollouts.rules.found import found
from model_registry.rollouts.view import Seat, View

_FEWEST = 5
"""Devices below which nothing is known of how they differ."""
_HALF = 0.5
"""Added to each bin, so that an empty one is no infinity."""


def scores(view: View, expected: Expected) -> Evidence:
    """Pauses where they are spread otherwise than in both."""
    rules, to, old = view.rules, view.rollout.to_version, view.rollout.from_version
    limit, enough = rules.scores_psi, rules.scores_predictions
    seats = [(seat, counts) for seat in replayed_at(view) if sum((counts := _counted(seat, view)).scores)]
    here = total(counts for _, counts in seats)
    if sum(here.scores) < enough:
        missing = f"{sum(here.scores):,} of the {enough:,} predictions that comparing scores takes"
        return found("scores", 0.0, limit, "pause", f"{to} gave {missing}")
    other = _control(view)
    if sum(other.scores) < enough:
        return found("scores", 0.0, limit, "pause", f"There are too few scores of {old} to compare those of {to} with")
    compared = [psi(here.scores, [count + _HALF for count in other.scores])]
    told = [f"the scores of {old} ({compared[-1]:.2f})"]
    if expected.scores is not None:
        compared.append(psi(here.scores, expected.scores))
        told.append(f"its test split ({compared[-1]:.2f})")
    usual = _usual(view, other)
    limit = max(limit, usual)
    why = f"{limit:.2f} is too much" if limit > usual else f"other devices differ by {usual:.2f} from each other"
    sentence = f"The scores of {sum(here.scores):,} predictions of {to} differ from {' and '.join(told)}, where {why}"
    return found("scores", min(compared), limit, "pause", sentence, [seat.device_id for seat, _ in seats])


def _counted(seat: Seat, view: View) -> Counts:
    """What it replayed, and what it answered if that went on for long enough."""
    long = seat.canary and seat.live.seconds >= view.rules.scores_seconds
    return seat.tried if long else seat.replay


def _usual(view: View, other: Counts) -> float:
    """By how much single devices differ from all, one of ten more: they see other things. 0 where few can tell."""
    enough = view.rules.scores_predictions
    found = sorted(psi(seat.live.scores, other.scores) for seat in view.controls if sum(seat.live.scores) >= enough)
    return found[int(0.9 * (len(found) - 1))] if len(found) >= _FEWEST else 0.0


def psi(counts: Sequence[int], other: Sequence[float]) -> float:
    """The index of counts against shares or counts, in the same bins."""
    mine = [count + _HALF for count in counts]
    whole, others = sum(mine), sum(other)
    # A share that no bundle has seen is taken for half of one of a thousand samples.
    theirs = [max(share / others, 0.0005) for share in other]
    return sum((one / whole - two) * log(one / whole / two) for one, two in zip(mine, theirs, strict=True))


def _control(view: View) -> Counts:
    """What the version before gives now, or gave in the hour before where all devices try the new one."""
    now = view.control
    if view.controls or not view.is_watched:
        return now
    return total(seat.before for seat in view.seats if len(seat.before.scores) == SCORE_BINS)
