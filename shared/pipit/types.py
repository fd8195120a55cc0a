"""What goes from part to part: tensors, where in an input something lies, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[Any]]
"""Tensors by name; the first axis of each is the batch."""


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """Seconds from the start of the input (of the stream, where it is one)."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels of the full-resolution input, origin at its upper left, after EXIF orientation."""

    left: float
    top: float
    width: float
    height: float

    @property
    def area(self) -> float:
        """In square pixels."""
        return self.width * self.height

    def overlap(self, other: Box) -> float:
        """Intersection over union, 0..1; 0 for boxes without an area."""
        across = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        down = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        shared = max(0.0, across) * max(0.0, down)
        together = self.area + other.area - shared
        return shared / together if together > 0.0 else 0.0


Region = TimeSpan | Box | None


@dataclass(frozen=True, slots=True)
class Decoded:
    """Network inputs for one caller's input, and where in it each row lies.

    tensors: each with the rows as its first axis. regions: one per row.
    """

    tensors: Tensors
    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class LabelScore:
    """score: 0..1. detected: the score reaches the bundle's threshold for the label."""

    label: str
    score: float
    detected: bool = False


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one region. scores: best first.

    region_score: 0..1, how sure the detector was that something lies in `region`; 0 where it found nothing and the
    region is a stand-in. None: no detector looked for it.
    """

    scores: tuple[LabelScore, ...]
    region: Region = None
    unknown: bool = False
    uncertain: bool = False
    region_score: float | None = None
