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
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipit.answers import predict
from pipit.bundle.manifest import Manifest
from pipit.errors import InvalidInput
from pipit.inputs import Input
from pipit.inputs.crops import square_around, square_crop
from pipit.inputs.image import DecodedImage, decode_with_size
from pipit.pipelines.rows import outputs_of
from pipit.runtimes import Runtime
from pipit.types import Box, Decoded, Prediction, Tensors

from footprints.prints import FinderSettings, Print, PrintFinder, finder_settings

DETECTOR = "detector"
"""Name of the further network in the bundle."""
INPUT = "crops"
"""float32, (rows, 224, 224, 3), RGB 0..255: Keras' MobileNetV3 scales by itself."""
OUTPUT = "scores"
"""float32, (rows, species), after the softmax."""
CROP = 224
"""Side of a crop, pixels."""
MARGIN = 0.1
"""Around a box, in its longer sides; see `pipit.inputs.crops`."""
SHORTER_SIDE = 640
"""Pixels of a picture that prints are looked for in; a larger JPEG is decoded at a reduced scale."""
NONE: Mapping[str, Runtime] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SpeciesSettings:
    """The bundle's pipeline parameters."""

    finder: FinderSettings
    crop: int = CROP
    margin: float = MARGIN
    shorter_side: int = SHORTER_SIDE


def settings_of(parameters: Mapping[str, Any]) -> SpeciesSettings:
    """`crop`, `margin`, `shorter_side`, and under `detector` what `finder_settings` takes. Raises InvalidInput."""
    detector = parameters.get("detector", {})
    if not isinstance(detector, Mapping):
        raise InvalidInput("the bundle's pipeline parameters are wrong: detector is no mapping; make the bundle anew")
    crop, side = parameters.get("crop", CROP), parameters.get("shorter_side", SHORTER_SIDE)
    margin = parameters.get("margin", MARGIN)
    whole = all(type(value) is int and value >= 1 for value in (crop, side))
    if not whole or isinstance(margin, bool) or not isinstance(margin, int | float) or not 0 <= margin <= 2:
        raise InvalidInput(
            f"the bundle's pipeline parameters are wrong: crop is {crop!r} and shorter_side {side!r}, which have to be "
            f"whole numbers from 1, and margin is {margin!r}, which lies in 0..2"
        )
    return SpeciesSettings(finder_settings(detector), crop, float(margin), side)


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
        scores = outputs_of(outputs, OUTPUT, decoded, len(self._labels))
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
