"""Errors that come all at once on one device, for reasons of its own: a network that is away, a camera that hangs.

In a short stage such a burst is unlikely, and every error counts. In a long one it is likely, so a few seconds' worth
of each device's requests may fail; and where three devices or more try the version, one of them alone may fail longer.
"""

from __future__ import annotations

from collections.abc import Sequence

from model_registry.rollouts.view import Seat, View

_SUSPECTS = 3
"""Devices of which each in turn is taken to be the one with a burst."""


class Bursts:
    """What is forgiven to the devices that try a version."""

    def __init__(self, view: View, seats: Sequence[Seat], of_errors: bool) -> None:
        """of_errors: else nothing is forgiven."""
        self._rules, self._of_errors, self._is_watched = view.rules, of_errors, view.is_watched
        self.all_forgiven = sum(self.forgiven(seat) for seat in seats)
        many = of_errors and len(seats) >= view.rules.burst_alone_devices
        alone = sorted(seats, key=lambda seat: (-self.of_one(seat), seat.device_id))[:_SUSPECTS] if many else ()
        self.suspects = tuple(alone)
        self.alone = self.of_one(alone[0]) if alone else 0.0
        """Errors of the one device that is forgiven most."""

    def forgiven(self, seat: Seat) -> float:
        """Errors of that device that count for none."""
        live, rules = seat.live, self._rules
        if live.seconds <= rules.burst_from_seconds or not self._of_errors:
            return 0.0
        likely = (live.seconds - rules.burst_from_seconds) / (rules.burst_likely_seconds - rules.burst_from_seconds)
        worth = rules.burst_seconds * min(1.0, likely) / live.seconds
        return min(float(live.failed), worth * live.requests)

    def of_one(self, seat: Seat) -> float:
        """And so many more where it is the one."""
        live = seat.live
        if not self._is_watched:
            # The last stage is over as soon as all serve it; what one device then meets is no version's fault.
            return float(live.failed) - self.forgiven(seat)
        from_on = self._rules.burst_alone_from_seconds
        if live.seconds <= from_on:
            return 0.0
        worth = self._rules.burst_alone_seconds * min(1.0, live.seconds / from_on - 1.0) / live.seconds
        return min(float(live.failed) - self.forgiven(seat), worth * live.requests)
