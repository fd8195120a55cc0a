"""Whether more answers than before take longer than the bundle's budget: a sequential test of shares (Wald 1945).

allowed:    p0 = the larger of 5 %, the device's own share before + 2 %, and its peers' share now + 2 %
looked for: p1 = p0 + 10 %
forgiven:   a few seconds' worth of answers a device in a stage that is long, for boards get too hot for a while
"""

from __future__ import annotations

from math import log

from pipit.fleet.types import Evidence

from model_registry.rollouts.counts import Counts, total
from model_registry.rollouts.expected import Expected
from model_registry.rollouts.rules.errors import tried_at
from model_registry.rollouts.rules.found import found
from model_registry.rollouts.view import Seat, View
from model_registry.rollouts.words import listed, of, percent

_LOWEST, _NEARLY_ALL = 0.001, 0.999
_HIGHEST = 0.85
"""Of p0: what was late nearly always says nothing of a version."""


def latency(view: View, expected: Expected) -> Evidence:
    """A device's live answers, or the replayed ones until it has given enough live ones."""
    rules, to = view.rules, view.rollout.to_version
    limit = log((1.0 - rules.latency_beta) / rules.latency_alpha)
    if expected.budget_seconds is None:
        return found("latency", 0.0, limit, "abort", f"The bundle of {to} promises no time for its answers")
    peers = view.control
    summed, late, answered, slow = 0.0, 0, 0, []
    allowed = 0.0
    for seat in tried_at(view):
        counts = _measured(seat, view)
        if not counts.answered:
            continue
        p0 = _allowed(seat, peers, view)
        p1 = min(_NEARLY_ALL, p0 + rules.latency_worse)
        over = max(0.0, min(counts.over_budget, counts.answered) - _forgiven(seat, view))
        own = over * log(p1 / p0) + (counts.answered - over) * log((1.0 - p1) / (1.0 - p0))
        summed, late, answered = summed + own, late + counts.over_budget, answered + counts.answered
        allowed += p0 * counts.answered
        if own > 0.0:
            slow.append((own, seat.device_id))
    budget = f"{expected.budget_seconds * 1000.0:.0f} ms"
    if not answered:
        return found("latency", 0.0, limit, "abort", f"No answer of {to} was timed yet, which should come in {budget}")
    devices = [name for _, name in sorted(slow, reverse=True)]
    sentence = (
        f"{of(late, answered)} answers of {to} took longer than {budget}"
        f"{f' on {listed(devices)}' if devices else ''}; {percent(allowed / answered)} is allowed there"
    )
    return found("latency", max(0.0, summed), limit, "abort", sentence, devices)


def _measured(seat: Seat, view: View) -> Counts:
    """Replayed inputs run beside the requests, and take longer for that; they count only for want of others."""
    enough = seat.canary and seat.live.answered >= view.rules.answers
    return seat.live if enough else total((seat.replay, seat.live)) if seat.canary else seat.replay


def _forgiven(seat: Seat, view: View) -> float:
    """Late answers of that device that count for none: by how long the stage is meant to be, not how long it has been.

    A board that is hot for a minute is as likely to be so at the beginning of an hour as at its end.
    """
    live, rules = seat.live, view.rules
    long = view.rollout.current.bake_seconds - rules.burst_from_seconds
    if long <= 0.0 or not live.seconds:
        return 0.0
    likely = min(1.0, long / (rules.burst_likely_seconds - rules.burst_from_seconds))
    return min(float(live.over_budget), rules.hot_seconds * likely * live.answered / live.seconds)


def _allowed(seat: Seat, peers: Counts, view: View) -> float:
    rules = view.rules
    usual = [
        counts.over_budget / counts.answered
        for counts in (seat.before, peers)
        if counts.answered >= rules.enough_to_compare
    ]
    return min(_HIGHEST, max([_LOWEST, rules.latency_share, *(share + rules.latency_margin for share in usual)]))
