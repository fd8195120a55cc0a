"""Which answered inputs are worth keeping."""

from __future__ import annotations

import random
from collections.abc import Sequence

from pipit.examples import Consent, Reason
from pipit.types import Prediction


class Chooser:
    """Of one task. Threads may share it: each draw is one call of a generator that is safe for them."""

    def __init__(self, consent: Consent, generator: random.Random | None = None) -> None:
        """generator: None for one of its own, with a seed from the system."""
        self.consent = consent
        self._draw = (generator or random.Random()).random

    def choose(self, scores: Sequence[float]) -> Reason | None:
        """Why to keep an input; None: it is not kept. scores: the best one of each of its parts, 0..1.

        The uniform draw comes first and looks at nothing, so that what it chooses stays a fair sample of all inputs.
        """
        consent = self.consent
        if self._draw() < consent.random_rate:
            return Reason.RANDOM
        if any(consent.low <= score <= consent.high for score in scores) and self._draw() < consent.rate:
            return Reason.UNCERTAIN
        return None


def best_scores(predictions: Sequence[Prediction]) -> list[float]:
    """Of each part that has any."""
    return [prediction.scores[0].score for prediction in predictions if prediction.scores]
