"""Pictures to features of faces, and the network's logits to emotions. The same code in the trainer and on the device.

    decode_with_size -> FaceAndBody -> make_features -> [network] -> softmax -> thresholds

The networks that find faces come with the bundle. Pictures are looked at and forgotten: what goes on is numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from pipit.answers import predict, softmax
from pipit.bundle.manifest import Manifest
from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage, Input, InputSequence, Landmarks, TensorInput, describe
from pipit.inputs.landmarks import FEATURES, FaceAndBody, Found, Tracker, face_crop
from pipit.pipelines.rows import outputs_of, take_rows
from pipit.runtimes import Runtime
from pipit.types import Decoded, Prediction, Region, Tensors

from emotion.expression.features import CROP, feature_count, grey, make_features
from emotion.expression.settings import INPUT, OUTPUT, settings_of
from emotion.expression.stream import FaceRows, FaceStream, FrameDecoded

NONE: Mapping[str, Runtime] = MappingProxyType({})


class ExpressionPipeline:
    """`emotion.expression`. Shared by threads."""

    def __init__(self, manifest: Manifest, networks: Mapping[str, Runtime] = NONE) -> None:
        """networks: those that find faces, and bodies where the parameters want them; see `pipit.inputs.landmarks`.

        Without any, landmarks alone are answered. Raises InvalidInput for wrong parameters, and where pictures are
        wanted and a network is missing.
        """
        self.settings = settings_of(manifest.pipeline.parameters)
        self._labels = manifest.labels
        self._decision = manifest.decision
        self._networks = FaceAndBody(networks) if networks else None
        lacks_bodies = self.settings.body and self._networks is not None and not self._networks.finds_bodies
        if lacks_bodies or (self._networks is None and manifest.input.kind == "image"):
            raise InvalidInput("the bundle takes pictures, but lacks networks that look at them; make it anew")

    def decode(self, item: Input) -> Decoded:
        """A picture: one row a face, largest first, none where there is no face; regions are boxes in it.

        Landmarks: 1,536 numbers, one row; where they don't tell their picture's shape, it is taken to be square. A
        sequence: each of its items, which follow each other. Raises InvalidInput, InputTooLarge.
        """
        if isinstance(item, TensorInput) and item.name in ("", INPUT):
            return take_rows(item, INPUT, self.settings.shape)
        if isinstance(item, InputSequence):
            return self._sequence(item)
        rows = self.rows_of(item, None)
        values = rows.values
        if self.settings.frames > 1:
            values = np.repeat(values[:, np.newaxis], self.settings.frames, axis=1)
        return Decoded({INPUT: values}, rows.boxes)

    def rows_of(self, item: Input, tracker: Tracker | None, elapsed: float = 0.0) -> FaceRows:
        """Features of each face of one picture.

        tracker: of the stream that it is a part of. elapsed: seconds since its picture before.
        """
        if isinstance(item, Landmarks):
            height_over_width = 1.0 / (item.aspect_ratio or 1.0)
            crops = np.zeros((1, CROP, CROP), np.float32) if self.settings.landmarks_alone else None
            return FaceRows(make_features(self.settings.kind, _checked(item), height_over_width, crops), (None,))
        if not isinstance(item, EncodedImage):
            raise InvalidInput(f"this task takes a picture or landmarks, not {describe(item)}")
        tracker = tracker or self.open_tracker()
        picture = tracker.find_encoded(item, elapsed or self.settings.frame_seconds)
        return FaceRows(self._features(picture.pixels, picture.found), tuple(face.box for face in picture.found))

    def open_tracker(self) -> Tracker:
        """For pictures that follow each other. Raises InvalidInput where no network looks at pictures."""
        if self._networks is None:
            raise InvalidInput("this bundle has no networks that look at pictures; send landmarks, or make it anew")
        return self._networks.open_stream(None, body=self.settings.body)

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        """outputs: `logits`, shape (rows, labels). One prediction a row, every label scored.

        Of a stream's picture: then one more, of the smoothed scores, whose region is a time span and not a box.
        """
        if not decoded.regions:
            return []
        scores = softmax(outputs_of(outputs, OUTPUT, decoded, len(self._labels)))
        predictions = [self._predict(row, region) for row, region in zip(scores, decoded.regions, strict=True)]
        if isinstance(decoded, FrameDecoded):
            smooth = decoded.smoothed.add(scores[decoded.followed], decoded.span.end - decoded.span.start)
            predictions.append(self._predict(smooth, decoded.span))
        return predictions

    def open_stream(self) -> FaceStream:
        """For pictures or landmarks that follow each other."""
        return FaceStream(self)

    def _predict(self, scores: NDArray[np.float32], region: Region) -> Prediction:
        return predict(scores, self._labels, self._decision, region)

    def _features(self, picture: NDArray[np.uint8], found: list[Found]) -> NDArray[np.float32]:
        if not found:
            return np.zeros((0, feature_count(self.settings.kind)), np.float32)
        height, width = picture.shape[:2]
        crops = None
        if self.settings.kind == "aligned_crop":
            crops = np.stack([grey(face_crop(picture, face, CROP)) for face in found])
        return make_features(self.settings.kind, np.stack([face.features for face in found]), height / width, crops)

    def _sequence(self, item: InputSequence) -> Decoded:
        stream = self.open_stream()
        parts = [part for part in (stream.push(one) for one in item.items) if part is not None]
        if not parts:
            raise InvalidInput("the sequence is empty; send pictures or landmarks")
        values = np.concatenate([part.tensors[INPUT] for part in parts])
        return Decoded({INPUT: values}, tuple(region for part in parts for region in part.regions))


def _checked(item: Landmarks) -> NDArray[np.float32]:
    values = item.values
    if values.shape != (FEATURES,):
        raise InvalidInput(f"landmarks must be {FEATURES} numbers, as docs/landmarks.md lists them, not {values.size}")
    if not np.isfinite(values).all():
        raise InvalidInput("landmarks hold a value that is no finite number")
    return values.astype(np.float32)[np.newaxis]
