"""Whether the new version fails, is corrected or does not know more often: against its peers and against before.

    peers:  the version before, on the other devices, in the same minutes: what happens to all is not its fault
    before: the version before, on the same device, in the hour before: what is usual there is not its fault

The smaller of the two counts. Where there is nothing to compare with on one side, the other decides alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pipit.fleet.types import Evidence

from model_registry.rollouts.counts import NOTHING, Counts, total
from model_registry.rollouts.rules.bursts import Bursts
from model_registry.rollouts.rules.evalues import Pair, clustering_of, dispersion_of, log_e, log_e_assumed
from model_registry.rollouts.rules.found import found_e
from model_registry.rollouts.view import Seat, View
from model_registry.rollouts.words import listed, of, percent, seconds

_KNOWN_PEERS, _KNOWN_TRIALS = 8, 10
"""So many peers with so many predictions each show how alike those of one device are."""
Measure = Callable[[Counts], tuple[int, int]]
"""Events and trials."""


def failed(counts: Counts) -> tuple[int, int]:
    """Inputs that were not answered, of all."""
    return counts.failed, counts.requests


def unknown(counts: Counts) -> tuple[int, int]:
    """Predictions that no label describes, of all."""
    return counts.unknown, counts.predictions


def corrected(counts: Counts) -> tuple[int, int]:
    """Answers that people said to be wrong, of those that they judged."""
    return counts.wrong, counts.right + counts.wrong


def errors(view: View) -> Evidence:
    """Requests that the version failed to answer, real and replayed."""
    return _worse("errors", view, failed, view.rules.error_ratios, view.rules.error_limit, "abort", "requests failed")


def feedback(view: View) -> Evidence:
    """Answers that people corrected."""
    rules = view.rules
    words = "judged answers were wrong"
    return _worse("feedback", view, corrected, rules.feedback_ratios, rules.feedback_limit, "abort", words)


def unknowns(view: View) -> Evidence:
    """Predictions that are unknown: more of them, or fewer."""
    ratios = view.rules.unknown_ratios
    both = (*ratios, *(1.0 / ratio for ratio in ratios))
    return _worse("unknown", view, unknown, both, view.rules.unknown_limit, "pause", "predictions were unknown")


def _worse(
    rule: str,
    view: View,
    measure: Measure,
    ratios: Sequence[float],
    limit: float,
    then: str,
    words: str,
) -> Evidence:
    pauses = then == "pause"
    seats = [seat for seat in (replayed_at(view) if pauses else tried_at(view)) if measure(seat.tried)[1]]
    events, trials = measure(total(seat.tried for seat in seats))
    to, old = view.rollout.to_version, view.rollout.from_version
    if not trials:
        return found_e(rule, 0.0, limit, then, f"Nothing is known yet of how many {words} with {to}")
    enough = view.rules.unknown_predictions if pauses else view.rules.enough_to_compare
    found: list[float] = []
    told: list[str] = []
    others = [measure(seat.live) for seat in view.controls]
    peers = sum(one[0] for one in others), sum(one[1] for one in others)
    usual = others if peers[1] else [measure(seat.before) for seat in seats]
    clustering = max(clustering_of(usual), _assumed(view, seats, others) if pauses else 0.0)
    dispersion = dispersion_of(clustering, [measure(seat.tried)[1] for seat in seats])
    bursts = Bursts(view, seats, measure is failed)
    if peers[1] >= enough:
        counted = Pair(max(0.0, events - bursts.all_forgiven - bursts.alone), trials, *peers)
        found.append(log_e([counted], ratios, dispersion))
        told.append(f"{of(*peers)} with {old} on {sum(bool(one[1]) for one in others)} other devices")
    before = [seat for seat in seats if measure(seat.before)[1] >= enough]
    # Another hour is another world: what pauses waits for peers where there are any.
    covers = 2 * sum(measure(seat.tried)[1] for seat in before) >= trials
    if before and (not pauses or (found and covers) or (not view.controls and view.is_watched)):
        found.append(_log_e_before(before, measure, bursts, ratios, dispersion))
        told.append(f"{of(*measure(total(seat.before for seat in before)))} there before")
    # People correct what is wrong and say little of what is right: no share of that is usual.
    if not found and measure is failed:
        found.append(log_e_assumed(events, trials, [one for one in ratios if one > 1.0], view.rules.assumed_errors))
        told.append(f"{percent(view.rules.assumed_errors)}, taken for usual as nothing is known of {old}")
    affected = sorted(seats, key=lambda seat: -measure(seat.tried)[0])
    devices = [seat.device_id for seat in affected if measure(seat.tried)[0]]
    longest = max((seat.live.seconds for seat in seats if seat.live.requests), default=0.0)
    place = f"in {seconds(longest)}" if longest else "on replayed inputs"
    sentence = (
        f"{of(events, trials)} {words} with {to} on {listed(devices or [seat.device_id for seat in seats])} {place}"
        f"; compared with {' and '.join(told) or 'nothing yet'}"
    )
    return found_e(rule, min(found, default=0.0), limit, then, sentence, devices)


def _log_e_before(
    seats: Sequence[Seat], measure: Measure, bursts: Bursts, ratios: Sequence[float], dispersion: float
) -> float:
    """Each device against itself."""
    pairs = {}
    for seat in seats:
        events, trials = measure(seat.tried)
        pairs[seat.device_id] = Pair(max(0.0, events - bursts.forgiven(seat)), trials, *measure(seat.before))
    found = [log_e(pairs.values(), ratios, dispersion)]
    for seat in bursts.suspects:
        pair = pairs.get(seat.device_id)
        if pair is not None:
            without = replace(pair, events=max(0.0, pair.events - bursts.of_one(seat)))
            found.append(log_e({**pairs, seat.device_id: without}.values(), ratios, dispersion))
    return min(found)


def _assumed(view: View, seats: Sequence[Seat], others: Sequence[tuple[int, int]]) -> float:
    """Predictions of a minute see the same scene, unless many peers show that they do not; later there are more."""
    if sum(trials >= _KNOWN_TRIALS for _, trials in others) >= _KNOWN_PEERS:
        return 0.0
    longest = max((seat.live.seconds for seat in seats), default=0.0)
    return view.rules.assumed_clustering * min(1.0, 60.0 / max(1.0, longest))


def tried_at(view: View) -> tuple[Seat, ...]:
    """Devices on which the version had something to answer; while it is prefetched, all that replay."""
    if view.rollout.phase == "running":
        return tuple(seat for seat in view.canaries if seat.tried is not NOTHING)
    return tuple(seat for seat in view.seats if not seat.pinned and seat.replay is not NOTHING)


def replayed_at(view: View) -> tuple[Seat, ...]:
    """Devices on which the version had something to answer, with those that only replay."""
    return tuple(seat for seat in view.seats if not seat.pinned and seat.tried is not NOTHING)
