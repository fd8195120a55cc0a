"""Backbones with ImageNet's weights, by the names that recipes give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
from pipit.errors import Unavailable
from pipit.training.by_input.pictures.networks import efficientnet_lite_weights
from pipit.training.by_input.pictures.networks.efficientnet_lite import build_efficientnet_lite0

from footprints.species import mobilenet_v3
from footprints.species.pipeline import CROP, INPUT


@dataclass(frozen=True, slots=True)
class Backbone:
    """build: crops, RGB 0..255, to features (7, 7, channels). file: of the weights, below the folder of data sets.

    weights_file: where they lie; None where they don't.
    """

    file: Path
    weights_file: Callable[[Path | None], Path | None]
    build: Callable[[Path | None, bool], keras.Model]


def _mobilenet_v3(weights: Path | None, pretrained: bool) -> keras.Model:
    return mobilenet_v3.build_mobilenet_v3(weights, pretrained=pretrained)


def _efficientnet_lite0(weights: Path | None, pretrained: bool) -> keras.Model:
    if pretrained and weights is None:
        raise Unavailable(
            "the weights of EfficientNet-Lite0 are not there; fetch them by: pipit data fetch efficientnet_lite0 "
            "--to $PIPIT_DATA, or train the recipe `synthetic`, which needs none"
        )
    return build_efficientnet_lite0(weights if pretrained else None, CROP, INPUT)


BACKBONES: Mapping[str, Backbone] = {
    "mobilenet_v3_small": Backbone(mobilenet_v3.FILE, mobilenet_v3.weights_file, _mobilenet_v3),
    "efficientnet_lite0": Backbone(
        efficientnet_lite_weights.FILE, efficientnet_lite_weights.weights_file, _efficientnet_lite0
    ),
}
