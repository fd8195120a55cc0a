"""Which sounds the house is to be told of, found by name: numbers of classes differ from list to list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Priority = Literal["high", "medium", "low"]
LabelSet = Literal["security", "all"]

BACKGROUND = "none"
"""The label of every sound that is no security class. It keeps a noisy house quiet."""


@dataclass(frozen=True, slots=True)
class SecurityClass:
    """A sound that raises an alarm."""

    name: str
    priority: Priority


SECURITY_CLASSES = (
    SecurityClass("glass_breaking", "high"),
    SecurityClass("smoke_alarm", "high"),
    SecurityClass("door_wood_knock", "high"),
    SecurityClass("siren", "high"),
    SecurityClass("gunshot", "high"),
    SecurityClass("dog", "medium"),
    SecurityClass("crying_baby", "medium"),
    SecurityClass("footsteps", "low"),
)
SECURITY_NAMES = tuple(sound.name for sound in SECURITY_CLASSES)


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of an answer, and the categories that a network tells apart for it.

    A network learns every category of its data, rain and clock ticks too; the background is the sum of all that are no
    security class. Taught "all other sounds" as one class, it raised more false alarms.

    outputs: categories in the order of the network's output. missing: security classes without data; they are no
    label, for a network can't know what it never heard.
    """

    names: tuple[str, ...]
    outputs: tuple[str, ...]
    background: str | None
    missing: tuple[str, ...]

    def of(self, category: str) -> str:
        """The label of a category."""
        return category if category in self.names or self.background is None else self.background

    def index(self, category: str) -> int:
        """Position of the category's label."""
        return self.names.index(self.of(category))

    @property
    def output_labels(self) -> tuple[str, ...]:
        """The label that each output counts to."""
        return tuple(self.of(category) for category in self.outputs)

    @property
    def alarms(self) -> tuple[str, ...]:
        """The security classes among the labels."""
        return tuple(name for name in self.names if name in SECURITY_NAMES)

    @property
    def priorities(self) -> dict[str, Priority]:
        """Priority of each alarm."""
        return {sound.name: sound.priority for sound in SECURITY_CLASSES if sound.name in self.names}


def choose_labels(categories: Iterable[str], label_set: LabelSet) -> Labels:
    """`security`: the security classes that have data, then the background. `all`: every category, by name."""
    present = sorted(set(categories))
    missing = tuple(name for name in SECURITY_NAMES if name not in present)
    if label_set == "all":
        return Labels(tuple(present), tuple(present), None, missing)
    found = tuple(name for name in SECURITY_NAMES if name in present)
    return Labels((*found, BACKGROUND), tuple(present), BACKGROUND, missing)
