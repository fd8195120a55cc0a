"""Parameters of the pipeline, as a bundle holds them, and what its classifier takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipit.errors import InvalidInput

from footprints.prints import FinderSettings, finder_settings

DETECTOR = "detector"
"""Name of the further network in the bundle."""
INPUT = "crops"
"""float32, (rows, 224, 224, 3), RGB 0..255: Keras' MobileNetV3 scales by itself."""
OUTPUT = "scores"
"""float32, (rows, species), after the softmax."""
CROP = 224
"""Side of a crop, pixels."""
MARGIN = 0.1
"""Around a box, in its longer sides; see `footprints.crops`."""
SHORTER_SIDE = 640
"""Pixels of a picture that prints are looked for in; a larger JPEG is decoded at a reduced scale."""


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
