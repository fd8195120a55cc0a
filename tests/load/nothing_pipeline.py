"""A pipeline that does no work: what is left of a call is what the server costs."""

from __future__ import annotations

import numpy as np
from pipit.bundle import Manifest
from pipit.inputs import Input
from pipit.types import Decoded, LabelScore, Prediction, Tensors

TASK = "load.nothing"


class NothingPipeline:
    """Gives a constant."""

    def __init__(self, manifest: Manifest) -> None:
        self._decoded = Decoded({"x": np.zeros((1, 1), np.float32)}, (None,))
        self._answer = [Prediction((LabelScore("nothing", 1.0, detected=True),), label="nothing")]

    def decode(self, item: Input) -> Decoded:
        """Always the same."""
        return self._decoded

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        """Always the same."""
        return self._answer

    def open_stream(self) -> None:
        """No streams."""
