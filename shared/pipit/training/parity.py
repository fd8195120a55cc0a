"""How near an exported network comes to the trained one, on the same features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.errors import IntegrityError

LARGEST_DIFFERENCE = 0.01
"""Of a score, between the trained network and its float32 export. More is not the same network."""
LEAST_AGREEMENT = 0.9
"""Share of test samples that a quantised variant answers as the trained network does. Fewer: the export went wrong."""


@dataclass(frozen=True, slots=True)
class Parity:
    """One variant beside the trained network.

    largest_difference, mean_difference: of a score, absolute. agreement: share of samples with the same best label.
    accuracy, trained_accuracy: on the same samples. loss: trained minus variant, in points of a hundred.
    """

    samples: int
    largest_difference: float
    mean_difference: float
    agreement: float
    accuracy: float
    trained_accuracy: float

    @property
    def loss(self) -> float:
        """Points of accuracy, of a hundred, that the variant loses; negative if it gains."""
        return (self.trained_accuracy - self.accuracy) * 100.0

    def to_json(self) -> dict[str, Any]:
        """Every field, and the loss."""
        return {**asdict(self), "loss_points": self.loss}


def compare(trained: NDArray[np.floating], exported: NDArray[np.floating], truth: NDArray[np.integer]) -> Parity:
    """trained, exported: scores, shape (samples, labels), samples at least 1. truth: label positions, (samples,)."""
    difference = np.abs(trained.astype(np.float64) - exported.astype(np.float64))
    best, other = trained.argmax(axis=1), exported.argmax(axis=1)
    return Parity(
        samples=len(truth),
        largest_difference=float(difference.max()),
        mean_difference=float(difference.mean()),
        agreement=float((best == other).mean()),
        accuracy=float((other == truth).mean()),
        trained_accuracy=float((best == truth).mean()),
    )


def require_parity(
    parity: Mapping[str, Parity],
    largest_difference: float = LARGEST_DIFFERENCE,
    least_agreement: float = LEAST_AGREEMENT,
) -> None:
    """parity: of each variant by its name. largest_difference: of a score, that float32 may have.

    least_agreement: of a quantised variant; lower where answers are close to a tie, as of a task that is hardly solved.

    Raises IntegrityError if a variant is not the trained network.
    """
    for variant, found in parity.items():
        wrong = variant == "float32" and found.largest_difference > largest_difference
        if wrong or found.agreement < least_agreement:
            raise IntegrityError(f"variant {variant} is not the trained network ({found}); the export went wrong")
