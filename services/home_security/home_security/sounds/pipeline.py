"""The network's logits to sounds by name; what comes before the network is `pipit.pipelines.audio_windows`.

The network gives logits: softmax is done here, in float, so that an 8-bit output does not round probabilities to 1/256.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pipit.answers import softmax
from pipit.bundle.manifest import Manifest
from pipit.errors import InvalidInput
from pipit.pipelines.audio_windows import AudioWindows, front_end_of
from pipit.pipelines.rows import outputs_of, predictions
from pipit.types import Decoded, Prediction, Tensors

OUTPUT = "logits"


class SoundsPipeline(AudioWindows):
    """`home_security.sounds`. Shared by threads."""

    def __init__(self, manifest: Manifest) -> None:
        """Raises InvalidInput for parameters that are missing or wrong.

        Parameters: those of the front end; `output_labels`, the label that each output of the network counts to, where
        it tells more sounds apart than it has labels for.
        """
        parameters = manifest.pipeline.parameters
        super().__init__(front_end_of(parameters))
        self._labels = manifest.labels
        self._collapse = Collapse(manifest.labels, tuple(parameters.get("output_labels", manifest.labels)))
        self._decision = manifest.decision

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        """outputs: `logits`, shape (windows, outputs). One prediction a window, every label scored."""
        scores = self._collapse(outputs_of(outputs, OUTPUT, decoded, self._collapse.outputs))
        return predictions(scores, self._labels, self._decision, decoded)


class Collapse:
    """From logits of a network's outputs to scores of labels: softmax, then the sum over each label's outputs."""

    def __init__(self, labels: Sequence[str], output_labels: Sequence[str]) -> None:
        """Raises InvalidInput for a label without an output, or an output of no label."""
        if set(labels) != set(output_labels):
            raise InvalidInput(f"the network's outputs stand for {sorted(set(output_labels))}, not {sorted(labels)}")
        self.outputs = len(output_labels)
        self._sums = np.array([[output == label for label in labels] for output in output_labels], np.float32)

    def __call__(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """(rows, outputs) to (rows, labels)."""
        scores: NDArray[np.float32] = np.minimum(softmax(logits) @ self._sums, np.float32(1.0))
        return scores
