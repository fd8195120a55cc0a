"""How many pictures of a stream were lost, by the faults that its decoder names and the gaps that they leave."""

from __future__ import annotations

_REORDERED = 32
"""So many pictures after a fault its gap may show: decoders give pictures later than they read them."""
_SKIPPED = 1.5
"""A step of so many pictures is a gap."""


class Losses:
    """Fed with what a decoder gives and refuses, in order."""

    def __init__(self, rate: float, *, gaps_are_losses: bool) -> None:
        """rate: pictures a second. gaps_are_losses: also where no fault is named, as in a stream over a network."""
        self._rate = rate
        self._gaps_are_losses = gaps_are_losses
        self._refused = 0
        self._watched = 0
        self._is_regular = True

    def fault(self, pictures: int = 0) -> None:
        """Something could not be read. pictures: how many that surely were."""
        self._refused += pictures
        self._watched = _REORDERED

    def after(self, gap: float) -> int:
        """Pictures that were lost before one that can be read, `gap` seconds after the one before."""
        missing = max(0, round(gap * self._rate) - 1) if gap * self._rate > _SKIPPED else 0
        if self._watched:
            self._watched -= 1
        elif not self._gaps_are_losses:
            # Without a fault, a gap says that pictures of this recording have no fixed rate: phones film so.
            self._is_regular = self._is_regular and not missing
            missing = 0
        if not self._is_regular:
            missing = self.at_the_end()
        elif missing:
            self._refused = max(0, self._refused - missing)
        return missing

    def at_the_end(self) -> int:
        """What was refused and has not shown as a gap."""
        refused, self._refused = self._refused, 0
        return refused
