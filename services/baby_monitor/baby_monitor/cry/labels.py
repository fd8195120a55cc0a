"""What is said of a sound: that nobody cries, or the reason that a parent's label would likely give.

The reasons are the guide's six. Which of them a bundle knows depends on the data that it was trained on.
"""

from __future__ import annotations

from collections.abc import Iterable

NO_CRY = "no_cry"
"""Nobody cries: the first label of every bundle that has a gate."""
CRY = "cry"
"""Of recordings in which somebody cries, and nobody said why: they test the gate alone, and are no label."""
REASONS = ("happy", "sad", "hungry", "pain", "tired", "natural")
"""In the guide's order."""


def reasons_among(labels: Iterable[str]) -> tuple[str, ...]:
    """In the guide's order, and after them those that only a recipe has."""
    found = set(labels) - {NO_CRY, CRY}
    return (*(name for name in REASONS if name in found), *sorted(found - set(REASONS)))
