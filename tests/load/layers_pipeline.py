"""A pipeline around a network of any size and any number of labels: it decodes nothing, and decides as all tasks do."""

from __future__ import annotations

import numpy as np
from pipit.answers import predict
from pipit.bundle import Manifest
from pipit.errors import InvalidInput
from pipit.inputs import Input, Landmarks
from pipit.types import Decoded, Prediction, Tensors

PIPELINE = "load.layers"


class LayersPipeline:
    """Landmarks go to the network as they are; its scores are those of the labels."""

    def __init__(self, manifest: Manifest) -> None:
        self._labels, self._decision = manifest.labels, manifest.decision

    def decode(self, item: Input) -> Decoded:
        """One row. Raises InvalidInput for what are no landmarks."""
        if not isinstance(item, Landmarks):
            raise InvalidInput(f"this task can't take a {type(item).__name__}; send landmarks")
        return Decoded({"x": item.values[np.newaxis]}, (None,))

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        """One prediction for the row."""
        return [predict(outputs["scores"][0], self._labels, self._decision)]

    def open_stream(self) -> None:
        """No streams."""
