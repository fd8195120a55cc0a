"""What a demo found out, as data: printed for people, or as JSON for a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipit.registry.types import GateResult


@dataclass(frozen=True, slots=True)
class AnsweredClip:
    """One clip that training never saw. expected: the label that the true category stands for in this bundle."""

    file: Path
    category: str
    expected: str
    label: str
    score: float
    detected: bool
    right: bool
    server_ms: float
    round_trip_ms: float


@dataclass(frozen=True, slots=True)
class RolloutResult:
    """How a bad version was stopped. rule, sentence: what stopped it. seconds: from its promotion to the stop.

    seconds_back: from the stop until no device answered with it any more. reached: how many answers it gave, by device.
    asked, failed: questions to all devices meanwhile.
    """

    version: str
    rule: str
    sentence: str
    seconds: float
    seconds_back: float
    reached: Mapping[str, int]
    asked: int
    failed: int


@dataclass(frozen=True, slots=True)
class DemoResult:
    """synthetic: trained on what a program made. trained_on: in words. seconds: of each act, by name.

    rollout: None: it was not asked for. registry: host:port, while the demo runs. console: its URL; "": it was not
    asked for. waiting: clips to label there.
    """

    synthetic: bool
    trained_on: str
    task: str
    recipe: str
    version: str
    digest: str
    variant: str
    gates: tuple[GateResult, ...]
    gates_overridden: bool
    metrics: Mapping[str, Any]
    answers: tuple[AnsweredClip, ...]
    bundle: Path
    seconds: Mapping[str, float]
    rollout: RolloutResult | None = None
    registry: str = ""
    console: str = ""
    waiting: int = 0

    @property
    def right(self) -> int:
        """Clips that were answered rightly."""
        return sum(answer.right for answer in self.answers)
