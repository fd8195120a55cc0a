"""A small task that looks: is a picture bright? Copied into a folder of packages by the fixture `brightness`."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from pipit.answers import predict
from pipit.bundle.manifest import Manifest
from pipit.inputs import Input
from pipit.inputs.image import decode_image
from pipit.types import Decoded, Prediction, Tensors

TASK = "test.brightness"


class BrightnessPipeline:
    """The mean of all pixels, 0..1, is the row; the network calls it bright from 0.5 on."""

    def __init__(self, manifest: Manifest) -> None:
        self._labels, self._decision = manifest.labels, manifest.decision

    def decode(self, item: Input) -> Decoded:
        mean = decode_image(item).mean(dtype=np.float64) / 255
        return Decoded({"x": np.array([[mean]], np.float32)}, (None,))

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        (row,) = outputs["scores"]
        return [predict(row, self._labels, self._decision)]

    def open_stream(self) -> None:
        return None


def picture(level: int, form: str = "PNG") -> bytes:
    """A file of one grey, 0..255."""
    buffer = io.BytesIO()
    Image.fromarray(np.full((48, 64, 3), level, np.uint8)).save(buffer, form)
    return buffer.getvalue()
