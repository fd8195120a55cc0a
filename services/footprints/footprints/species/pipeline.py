"""Pictures to crops of prints, and the classifier's scores to species.

    decode_with_size -> PrintFinder -> square_crop (centre crop where nothing is found) -> [network] -> thresholds

One decoding serves both networks. Only where a print has fewer pixels at the reduced scale than the classifier takes,
and the picture has more, is it decoded once more, at the scale that its smallest print needs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from pipit.answers import predict
from pipit.bundle.manifest import Manifest
from pipit.errors import InvalidInput
from pipit.inputs import Input
from pipit.inputs.image import DecodedImage, decode_with_size
from pipit.runtimes import Runtime
from pipit.types import Box, Decoded, Prediction, Tensors

from footprints.crops import square_around, square_crop
from footprints.prints import Print, PrintFinder
from footprints.species.settings import DETECTOR, INPUT, OUTPUT, settings_of

NONE: Mapping[str, Runtime] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FoundPrints(Decoded):
    """One row a print. region_scores: the detector's, 0 where it found nothing, None where the bundle has none."""

    region_scores: tuple[float | None, ...]


class SpeciesPipeline:
    """`footprints.species`. Shared by threads."""

    def __init__(self, manifest: Manifest, networks: Mapping[str, Runtime] = NONE) -> None:
        """networks: `detector`, or none in a bundle that was trained to look at the middle of a picture.

        Raises InvalidInput for wrong parameters, or those of a detector that is not there.
        """
        self.settings = settings_of(manifest.pipeline.parameters)
        self._labels = manifest.labels
        self._decision = manifest.decision
        if DETECTOR in manifest.pipeline.parameters and DETECTOR not in networks:
            raise InvalidInput(f"the bundle has no network {DETECTOR!r}, but parameters of it; make it anew")
        self._finder = PrintFinder(networks[DETECTOR], self.settings.finder) if networks else None

    def decode(self, item: Input) -> Decoded:
        """A picture, one row a print, best first; the largest square in its middle where none is found.

        Boxes are in full-resolution pixels, upright as EXIF says. Raises InvalidInput, InputTooLarge.
        """
        picture = decode_with_size(item, shorter_side=self.settings.shorter_side)
        height, width = picture.pixels.shape[:2]
        found = self._finder.find(picture.pixels) if self._finder else ()
        if not found:
            crops = self._crops(picture.pixels, [None])
            middle = square_around(None, 0.0, picture.full_width, picture.full_height)
            return FoundPrints({INPUT: crops}, (middle,), (0.0 if self._finder else None,))
        finer = self._finer(item, picture, found)
        sharp_height, sharp_width = finer.shape[:2]
        crops = self._crops(finer, [_scaled(p.box, sharp_width / width, sharp_height / height) for p in found])
        across, down = picture.full_width / width, picture.full_height / height
        boxes = tuple(_scaled(one.box, across, down) for one in found)
        return FoundPrints({INPUT: crops}, boxes, tuple(one.score for one in found))

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        """outputs: `scores`, shape (rows, species). One prediction a row, every species scored.

        Unknown: the best score is under the bundle's `decision.unknown_below`, as for a shoe's print.
        """
        if not decoded.regions:
            return []
        scores = np.asarray(outputs[OUTPUT], np.float32)
        expected = (len(decoded.regions), len(self._labels))
        if scores.shape != expected:
            raise InvalidInput(f"the network gave scores of shape {scores.shape}, not {expected}; the bundle is wrong")
        predictions = [
            predict(row, self._labels, self._decision, region)
            for row, region in zip(scores, decoded.regions, strict=True)
        ]
        if not isinstance(decoded, FoundPrints):
            return predictions
        return [
            replace(prediction, region_score=score)
            for prediction, score in zip(predictions, decoded.region_scores, strict=True)
        ]

    def open_stream(self) -> None:
        """Pictures do not follow each other."""

    def _finer(self, item: Input, picture: DecodedImage, found: tuple[Print, ...]) -> NDArray[np.uint8]:
        """The picture with enough pixels for its smallest print, or as many as it has."""
        height, width = picture.pixels.shape[:2]
        smallest = min(square_around(one.box, self.settings.margin, width, height).width for one in found)
        if smallest >= self.settings.crop or (width, height) == picture.full_size:
            return picture.pixels
        needed = math.ceil(min(width, height) * self.settings.crop / smallest)
        return decode_with_size(item, shorter_side=needed).pixels

    def _crops(self, pixels: NDArray[np.uint8], boxes: list[Box] | list[None]) -> NDArray[np.float32]:
        margin, size = self.settings.margin, self.settings.crop
        return np.stack([square_crop(pixels, box, margin, size) for box in boxes]).astype(np.float32)


def _scaled(box: Box, across: float, down: float) -> Box:
    return Box(box.left * across, box.top * down, box.width * across, box.height * down)
