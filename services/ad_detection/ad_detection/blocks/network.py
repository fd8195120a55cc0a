"""The vote of members as a network: (2, members), scores and whether they are there, to logits of ad and content.

weighted   the mean of the scores that are there, by weight
fitted     log-odds of the scores, by weight, and a bias; weights of the missing go to those that are there
majority   the share of those that are there and say `ad`; one that says `content` is added, so that a tie is none
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from pipit.training.keras_kit import KerasKit
from pipit.training.kit import Outputs, Rows

from ad_detection.blocks.ensemble import Ensemble
from ad_detection.blocks.pipeline import INPUT, OUTPUT

SUREST = 1e-4
"""As `pipit.blocks.policy.log_odds` has it."""


@keras.saving.register_keras_serializable("ad_detection.blocks")
class Vote(keras.layers.Layer):  # type: ignore[misc]
    """See the module's text. Its numbers are constants: they were fitted elsewhere, or given."""

    def __init__(self, voting: str, weights: list[float], bias: float, thresholds: list[float], **options: Any) -> None:
        """weights, thresholds: one a member."""
        super().__init__(**options)
        self.voting, self.shares, self.bias, self.thresholds = voting, list(weights), bias, list(thresholds)

    def call(self, rows: Any) -> Any:
        """rows: (n, 2, members). Gives (n, 2)."""
        scores, present = rows[:, 0], rows[:, 1]
        weights = ops.convert_to_tensor([1.0] * len(self.shares) if self.voting == "majority" else self.shares)
        there = ops.sum(weights * present, axis=1, keepdims=True)
        some = ops.maximum(there, 1e-9)
        if self.voting == "fitted":
            kept = ops.clip(scores, SUREST, 1.0 - SUREST)
            odds = ops.log(kept) - ops.log(1.0 - kept)
            total = float(sum(self.shares))
            logit = ops.sum(weights * present * odds, axis=1, keepdims=True) * (total / some) + self.bias
        else:
            if self.voting == "majority":
                says = ops.cast(scores >= ops.convert_to_tensor(self.thresholds), "float32")
                share = ops.sum(present * says, axis=1, keepdims=True) / (there + 1.0)
            else:
                share = ops.sum(weights * present * scores, axis=1, keepdims=True) / some
            kept = ops.clip(share, SUREST, 1.0 - SUREST)
            logit = ops.log(kept) - ops.log(1.0 - kept)
        # Where nobody is there, nothing is said.
        logit = ops.where(there > 0.0, logit, 0.0)
        return ops.concatenate([logit / 2.0, -logit / 2.0], axis=1)

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        own = {"voting": self.voting, "weights": self.shares, "bias": self.bias, "thresholds": self.thresholds}
        return {**super().get_config(), **own}


def build_network(ensemble: Ensemble) -> keras.Model:
    """Of an ensemble as it stands."""
    inputs = keras.Input((2, len(ensemble.members)), name=INPUT)
    thresholds = [member.threshold for member in ensemble.members]
    vote = Vote(ensemble.voting, list(ensemble.weights), ensemble.bias, thresholds, name=OUTPUT)
    return keras.Model(inputs, vote(inputs), name="ensemble")


class VoteKit(KerasKit):
    """See `KerasKit`; a vote needs no batches."""

    def outputs(self, network: keras.Model, rows: Rows) -> Outputs:
        """See `pipit.training.kit.Kit`."""
        return np.asarray(network(np.asarray(rows, np.float32)), np.float32)
