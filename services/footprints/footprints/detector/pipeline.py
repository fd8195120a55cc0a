"""Pictures to a detector's input, and its raw output to boxes around prints.

decode_with_size -> letterbox -> [network] -> decode_yolo -> non_maximum_suppression -> full resolution
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from pipit.answers import predict
from pipit.bundle.manifest import Manifest
from pipit.errors import InvalidInput
from pipit.inputs import Input
from pipit.inputs.boxes import Placement, letterbox
from pipit.inputs.image import decode_with_size
from pipit.types import Decoded, Prediction, Tensors

from footprints.prints import INPUT, OUTPUT, Print, finder_settings, prints_of


@dataclass(frozen=True, slots=True)
class Letterboxed(Decoded):
    """One picture. placement: in full-resolution pixels."""

    placement: Placement


class DetectorPipeline:
    """`footprints.detector`. Shared by threads."""

    def __init__(self, manifest: Manifest) -> None:
        """Raises InvalidInput for wrong parameters, or more than one label."""
        self.settings = finder_settings(manifest.pipeline.parameters)
        self._labels = manifest.labels
        self._decision = manifest.decision
        if len(self._labels) != 1:
            raise InvalidInput(f"a detector of prints has one label, not {len(self._labels)}; make the bundle anew")

    def decode(self, item: Input) -> Decoded:
        """A picture, one row. Raises InvalidInput, InputTooLarge."""
        picture = decode_with_size(item, shorter_side=self.settings.size)
        values, placement = letterbox(picture.pixels, self.settings.size)
        placement = replace(placement, width=picture.full_width, height=picture.full_height)
        return Letterboxed({INPUT: values[np.newaxis]}, (None,), placement)

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        """One prediction a print, best first; none where there is none.

        outputs: `output0`, shape (rows, 5, anchors). A row that came as a tensor has its boxes in its own pixels.
        """
        if not decoded.regions:
            return []
        raw = np.asarray(outputs[OUTPUT])
        if raw.ndim != 3 or raw.shape[:2] != (len(decoded.regions), 4 + len(self._labels)):
            raise InvalidInput(f"the network gave {OUTPUT} of shape {raw.shape}; the bundle is wrong")
        size = self.settings.size
        itself = Placement(size, size, 0, 0, size, size)
        placement = decoded.placement if isinstance(decoded, Letterboxed) else itself
        return [self._predict(found) for row in raw for found in prints_of(row, placement, self.settings)]

    def _predict(self, found: Print) -> Prediction:
        scores = np.array([found.score], np.float32)
        prediction = predict(scores, self._labels, self._decision, found.box)
        return replace(prediction, region_score=found.score)

    def open_stream(self) -> None:
        """Pictures do not follow each other."""
