"""What a device does for `ad_detection.frames`.

    picture -> the whole of it as a square -> [network] -> softmax -> thresholds

A channel's logo stands in a corner, so nothing is cut off: the picture is squeezed to a square. Nothing of a trainer
may be imported here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pipit.answers import softmax
from pipit.bundle.manifest import Manifest
from pipit.inputs import Input, TensorInput
from pipit.inputs.image import decode_with_size
from pipit.pipelines.pictures import INPUT, PictureCrops
from pipit.pipelines.rows import outputs_of, predictions
from pipit.types import Box, Decoded, Prediction, Tensors

OUTPUT = "logits"
"""float32, (rows, labels)."""


def whole_picture(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """All of a picture, (height, width, 3), as (side, side, 3), by an antialiasing bilinear filter."""
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR))


class FramesPipeline(PictureCrops):
    """`ad_detection.frames`. Shared by threads."""

    def __init__(self, manifest: Manifest) -> None:
        """Parameters: `crop`, pixels a side. Raises InvalidInput."""
        super().__init__(manifest.pipeline.parameters)
        self._labels = manifest.labels
        self._decision = manifest.decision

    def decode(self, item: Input) -> Decoded:
        """A picture: one row, all of it; the region is the whole picture in full-resolution pixels.

        `pixels`, float32, RGB 0..255, shape (1, crop, crop, 3). Tensors: as `PictureCrops` takes them. Raises
        InvalidInput, InputTooLarge.
        """
        if isinstance(item, TensorInput):
            return super().decode(item)
        picture = decode_with_size(item, shorter_side=self.crop)
        row = whole_picture(picture.pixels, self.crop).astype(np.float32)
        return Decoded({INPUT: row[np.newaxis]}, (Box(0.0, 0.0, picture.full_width, picture.full_height),))

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        """outputs: `logits`, shape (rows, labels). One prediction a picture, every label scored."""
        scores = softmax(outputs_of(outputs, OUTPUT, decoded, len(self._labels)))
        return predictions(scores, self._labels, self._decision, decoded)
