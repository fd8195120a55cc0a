"""What a device does for `ad_detection.temporal`.

    frame -> the whole of it as a square -> [CNN, a network beside] -> features ─┐
                                            features of the four steps before ───┴─> [LSTM] -> softmax -> thresholds

A sequence on the wire is `pipit.inference.v1.InputSequence` of pictures that lie a step apart; pictures with times of
their own go through a stream. One to five pictures give one answer, about the last of them. More give one for each five
that follow each other. One picture alone is a sequence of one. Nothing of a trainer may be imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from pipit.answers import softmax
from pipit.bundle.manifest import Manifest
from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import EncodedImage, Input, InputSequence, TensorInput, describe
from pipit.inputs.image import decode_image
from pipit.pipelines.rows import outputs_of, predictions, take_rows
from pipit.runtimes.base import Runtime
from pipit.types import Decoded, Prediction, Tensors

from ad_detection.frames.pipeline import OUTPUT, whole_picture
from ad_detection.temporal.stream import INPUT, Features, FrameStream
from ad_detection.temporal.window import Steps

CNN = "cnn"
"""Of the bundle's networks: pixels, RGB 0..255, (rows, crop, crop, 3), to features, (rows, columns)."""
MOST_FRAMES = 300
"""Of one sequence: five minutes. Longer ones are for streams."""
NONE: Mapping[str, Runtime] = MappingProxyType({})


class TemporalPipeline:
    """`ad_detection.temporal`. Shared by threads."""

    def __init__(self, manifest: Manifest, networks: Mapping[str, Runtime] = NONE) -> None:
        """Parameters: `crop`, pixels a side; `frames` of a sequence, `step_seconds` between them.

        networks: `cnn`. Raises InvalidInput for parameters or networks that are missing or don't fit together.
        """
        try:
            parameters = manifest.pipeline.parameters
            self.crop = int(parameters["crop"])
            self.steps = Steps(int(parameters["frames"]), float(parameters["step_seconds"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(
                f"the bundle's pipeline parameters are wrong ({error}); it needs crop, frames, step_seconds"
            ) from error
        if CNN not in networks:
            raise InvalidInput(f"the bundle lacks the network {CNN!r}, which looks at single frames; make it anew")
        self._cnn = networks[CNN]
        (self._pixels,), (given,) = self._cnn.inputs, self._cnn.outputs
        self._output = given.name
        self.shape = (self.steps.frames, *given.shape)
        if self._pixels.shape != (self.crop, self.crop, 3) or manifest.input.shape != self.shape:
            raise InvalidInput(
                f"the bundle's CNN takes {self._pixels.shape} and gives {given.shape}, which fits neither a crop of "
                f"{self.crop} nor sequences of {manifest.input.shape}; make it anew"
            )
        self._labels = manifest.labels
        self._decision = manifest.decision

    def decode(self, item: Input) -> Decoded:
        """Frames a step apart: `features`, float32, (sequences, frames, columns); regions are spans, from 0 s.

        A tensor of one row's shape, or of rows of it, is taken as it is. Raises InvalidInput, InputTooLarge.
        """
        if isinstance(item, TensorInput):
            return take_rows(item, INPUT, self.shape, "send pictures, or a sequence of pictures")
        frames = item.items if isinstance(item, InputSequence) else (item,)
        if not frames:
            raise InvalidInput(f"the sequence is empty; send up to {self.steps.frames} pictures, oldest first")
        if len(frames) > MOST_FRAMES:
            raise InputTooLarge(f"a sequence of {len(frames)} pictures; send at most {MOST_FRAMES}, or use a stream")
        for frame in frames:
            if not isinstance(frame, EncodedImage):
                raise InvalidInput(f"this task takes a picture or a sequence of pictures, not {describe(frame)}")
        stream = self.open_stream()
        found = [one for one in map(stream.push, frames) if one is not None]
        # What has fewer before it than the network looks at is answered only where there is nothing better.
        full = found[self.steps.frames - 1 :] or found[-1:]
        rows = np.concatenate([one.tensors[INPUT] for one in full])
        return Decoded({INPUT: rows}, tuple(region for one in full for region in one.regions))

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        """outputs: `logits`, (rows, labels). One prediction a sequence, about its last frame; every label scored."""
        scores = softmax(outputs_of(outputs, OUTPUT, decoded, len(self._labels)))
        return predictions(scores, self._labels, self._decision, decoded)

    def open_stream(self) -> FrameStream:
        """For frames that come one by one."""
        return FrameStream(self.steps, self.look)

    def look(self, frame: EncodedImage) -> Features:
        """What the CNN makes of one frame, (columns,). Raises InvalidInput, InputTooLarge."""
        features: Features = self._cnn.run({self._pixels.name: self.pixels(frame)[np.newaxis]})[self._output][0]
        return features

    def pixels(self, frame: EncodedImage) -> NDArray[np.float32]:
        """What the CNN is shown: RGB 0..255, (crop, crop, 3). Raises InvalidInput, InputTooLarge."""
        return whole_picture(decode_image(frame, shorter_side=self.crop), self.crop).astype(np.float32)
