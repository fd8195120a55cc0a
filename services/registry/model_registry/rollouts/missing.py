"""What a rollout still waits for before it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipit.fleet.types import State

from model_registry.rollouts.rules.at_once import is_refused
from model_registry.rollouts.view import Seat, View
from model_registry.rollouts.words import listed, seconds


@dataclass(frozen=True, slots=True)
class Missing:
    """What is missing.

    sentence: with the devices. data: more than time. only_answers: the version serves, and nobody asks it.
    """

    sentence: str
    data: bool = True
    only_answers: bool = False


def missing_of(view: View) -> Missing | None:
    """None: nothing."""
    return _prefetching(view) if view.rollout.phase == "prefetching" else _running(view)


def _prefetching(view: View) -> Missing | None:
    to = view.rollout.to_version
    ready = [seat for seat in view.first if seat.reachable and seat.prefetched(to)]
    if not ready:
        there = [seat for seat in view.first if seat.reachable]
        if not there:
            return Missing(f"no device of the first stage ({_names(view.first)}) can be reached")
        return Missing(f"no device of the first stage has {to} at hand yet ({_told(there)})")
    waiting = [seat for seat in view.seats if seat.reachable and not seat.prefetched(to) and not is_refused(seat, to)]
    if waiting and view.stage_seconds < view.rules.prefetch_seconds:
        return Missing(f"{len(waiting)} devices fetch {to} still: {_names(waiting)}", data=False)
    return None


def _running(view: View) -> Missing | None:
    rollout, rules, to = view.rollout, view.rules, view.rollout.to_version
    there = [seat for seat in view.canaries if seat.reachable]
    if not there:
        return Missing(f"no device of this stage ({_names(view.canaries)}) can be reached")
    able = [seat for seat in there if not is_refused(seat, to)]
    serving = [seat for seat in able if seat.serves(to)]
    if not serving:
        return Missing(f"no device of this stage serves {to} ({_told(there)})")
    if len(serving) < len(able):
        late = [seat for seat in able if not seat.serves(to)]
        return Missing(f"{listed([seat.device_id for seat in late])} does not serve {to} yet ({_told(late)})")
    watched = _watched(view)
    bake = rollout.current.bake_seconds
    if watched < max(bake, rules.settle_seconds):
        return Missing(f"it was watched for {seconds(watched)} of {seconds(bake)}", data=False)
    quiet = [seat for seat in serving if seat.tried.requests < rules.answers] if bake else []
    if quiet:
        few = ", ".join(f"{seat.device_id} {seat.tried.requests}" for seat in quiet[:5])
        names = listed([seat.device_id for seat in quiet])
        return Missing(f"{rules.answers} answers from {names} (so far: {few})", only_answers=True)
    return None


def _watched(view: View) -> float:
    """Seconds since the stage began. Clocks only delay: neither the registry's nor the devices' alone is enough."""
    to = view.rollout.to_version
    by_devices = max(
        (_served(seat) for seat in view.newest if seat.reachable and seat.serves(to)), default=float("inf")
    )
    return min(view.stage_seconds, by_devices)


def _served(seat: Seat) -> float:
    # As it said itself: one that has died since has not served on.
    return max(told.active_seconds for _, told in seat.processes) if seat.processes else 0.0


def _names(seats: Sequence[Seat]) -> str:
    return listed([seat.device_id for seat in seats])


def _told(seats: Sequence[Seat]) -> str:
    """What the first few say of themselves."""
    return "; ".join(f"{seat.device_id}: {_state(seat)}" for seat in seats[:3])


def _state(seat: Seat) -> str:
    told = seat.told
    if told is None:
        return "has not said what it does"
    if seat.canary:
        return f"{told.state}, {told.reason}" if told.reason else f"{told.state} {told.active_version}".strip()
    return "has not begun" if told.candidate_state == State.UNSPECIFIED else f"{told.candidate_state}"
