"""What stops a rollout at once: devices that refuse the version, that crash by it, or that are lost by it."""

from __future__ import annotations

from math import ceil

from pipit.fleet.types import Evidence, State

from model_registry.rollouts.rules.found import found
from model_registry.rollouts.view import Seat, View
from model_registry.rollouts.words import listed, seconds

GOLDEN = "golden"
"""The step that computes golden samples again."""
_SPOKE_SECONDS = 20.0
"""A little more than the longest pause between two reports while a rollout is open."""
_ALIVE_SECONDS = 45.0
"""A device that reports every half minute was there at a moment if it reported no longer than this before."""


def golden(view: View) -> Evidence:
    """Devices that compute other scores than the trainer's process did.

    One is enough as long as the version serves nowhere but on the first ones; later they count as any refusals do.
    """
    limit = 1
    later = view.rollout.phase != "prefetching" and view.rollout.stage > 0
    refused = [
        (seat, refusal)
        for seat in (view.canaries if later else view.seats)
        if (refusal := seat.refusal(view.rollout.to_version)) is not None and refusal[0] == GOLDEN and not seat.pinned
    ]
    if later:
        limit = _needed(view)
    devices = [seat.device_id for seat, _ in refused]
    sentence = (
        f"{_to(view)} gives other answers than it should on {listed(devices)}: {refused[0][1][1]}"
        if refused
        else f"No device computes other answers with {_to(view)} than its golden samples say"
    )
    return found("golden", len(refused), limit, "abort", sentence, devices)


def refused(view: View) -> Evidence:
    """Devices that could not fetch, verify, load or open it.

    One is enough among the first stage's; later it may be that one device's own fault.
    """
    of_first = view.rollout.phase == "prefetching" or view.rollout.stage == 0
    watched = view.first if of_first else view.canaries
    refusals = [
        (seat, refusal)
        for seat in watched
        if not seat.pinned and (refusal := seat.refusal(view.rollout.to_version)) is not None
    ]
    limit = 1 if of_first else _needed(view)
    if of_first and not refusals:
        # Before it was served anywhere, others may have refused it too.
        others = [
            (seat, refusal)
            for seat in view.seats
            if not seat.pinned and (refusal := seat.refusal(view.rollout.to_version)) is not None
        ]
        needed = _needed(view, len(view.seats))
        if len(others) >= needed:
            refusals, limit = others, needed
    devices = [seat.device_id for seat, _ in refusals]
    steps = sorted({step for _, (step, _) in refusals if step})
    sentence = (
        f"{len(devices)} of {len(watched)} devices refused {_to(view)} at {' and '.join(steps) or 'a step'}: "
        f"{listed(devices)}. The first said: {refusals[0][1][1]}"
        if refusals
        else f"No device refused {_to(view)}"
    )
    return found("refused", len(devices), limit, "abort", sentence, devices)


def restarted(view: View) -> Evidence:
    """Processes that began anew soon after their swap."""
    devices = [seat.device_id for seat in view.canaries if _restarted(seat, view)]
    limit = 1 if view.rollout.stage == 0 else 2
    within = seconds(view.rules.restart_seconds)
    sentence = (
        f"{listed(devices)} restarted within {within} after the swap to {_to(view)}"
        if devices
        else f"No device restarted within {within} after its swap"
    )
    return found("restarted", len(devices), limit, "abort", sentence, devices)


def _restarted(seat: Seat, view: View) -> bool:
    new, within = view.rollout.to_version, view.rules.restart_seconds
    for process in seat.device.processes if seat.device is not None else ():
        before = process.before
        if before is None or process.age >= view.stage_seconds:
            continue
        # How long nobody was there: who was switched off for the night did not crash.
        gap = process.before_seconds - process.age
        then = next((told for told in before.tasks if told.task == view.task), None)
        if then is None or not -1.0 <= gap <= within:
            continue
        # Seconds from its swap to its end, where it lived to report the swap; else it ended in it.
        served = then.active_seconds if then.active_version == new else 0.0
        if served <= within and (then.active_version == new or _alive_then(process.before_seconds, view)):
            return True
    return False


def silent(view: View) -> Evidence:
    """Devices that were there when it was their turn, and fell silent soon after their swap.

    One that served it for longer was switched off, or lost its network; it is missing, and stops nothing.
    """
    limit = view.rules.silent_seconds
    lost = [
        seat
        for seat in view.canaries
        if seat.processes
        and limit < seat.seconds < float("inf")
        and _alive_then(seat.seconds, view)
        and _served(seat, view) <= view.rules.restart_seconds
    ]
    devices = [seat.device_id for seat in lost]
    needed = 1 if view.rollout.stage == 0 else 2
    named = set(devices)
    others = [
        seat
        for seat in view.seats
        if seat.device_id not in named and not seat.pinned and seat.processes and _alive_then(seat.seconds, view)
    ]
    # Where all are silent it is the network, or the registry, that was not there.
    longest = min((seat.seconds for seat in lost), default=0.0)
    heard = sum(seat.seconds <= _SPOKE_SECONDS for seat in others)
    fires = bool(others) and heard >= view.rules.others_report * len(others)
    sentence = (
        f"{listed(devices)} said nothing for {seconds(longest)} after the swap to {_to(view)}, while {heard} of "
        f"{len(others)} others report"
        if devices
        else f"No device is silent for more than {seconds(limit)} after its swap"
    )
    value = len(devices) if fires or not devices else min(len(devices), needed - 1)
    return found("silent", value, needed, "abort", sentence, devices)


def _served(seat: Seat, view: View) -> float:
    """Seconds that the version had served when the device was heard last; 0: it did not yet."""
    new = view.rollout.to_version
    return max((told.active_seconds for _, told in seat.processes if told.active_version == new), default=0.0)


def _alive_then(silent_for: float, view: View) -> bool:
    """Whether a device that is silent for so long was still heard of when this stage began."""
    return silent_for <= view.stage_seconds + _ALIVE_SECONDS


def _needed(view: View, among: int | None = None) -> int:
    devices = len(view.canaries) if among is None else among
    return max(view.rules.refused_devices, ceil(view.rules.refused_share * devices - 1e-9))


def _to(view: View) -> str:
    return view.rollout.to_version


def is_refused(seat: Seat, version: str) -> bool:
    """Whether it is left behind: it will not serve that version by itself."""
    return seat.refusal(version) is not None or any(told.state == State.REFUSED for _, told in seat.processes)
