"""What a data set of stress holds once it is read: people's recordings, step by step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pipit.errors import InvalidInput

from emotion.stress.signals import Values

CALM, STRESSED = "calm", "stressed"
LABELS = (CALM, STRESSED)


@dataclass(frozen=True)
class Recording:
    """Steps of one person that follow each other without a gap.

    name, participant: the same on every machine. values: raw, (steps, signals), NaN where missing. score: of each
    step, 0 calm to 1 stressed, NaN where nobody said; shape (steps,).
    """

    name: str
    participant: str
    values: Values
    score: NDArray[np.float32]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.score):
            raise InvalidInput(f"{self.name}: {len(self.values)} steps, but {len(self.score)} scores")
