"""Backbones with ImageNet's weights, by the names that recipes give them. Importing this imports Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import keras

from pipit.errors import Unavailable
from pipit.training.by_input.pictures.networks import (
    efficientnet_lite_weights,
    mobilenet_v3,
    resnet50,
    resnet50_download,
)
from pipit.training.by_input.pictures.networks.efficientnet_lite import build_efficientnet_lite0


class Build(Protocol):
    """Makes a backbone: pixels, RGB 0..255, (side, side, 3), to features (side / 32, side / 32, channels)."""

    def __call__(self, weights: Path | None, side: int, name: str, *, pretrained: bool = True) -> keras.Model:
        """weights: ImageNet's, as they lie here. name: of the input. pretrained: else random.

        Raises Unavailable where the weights are not here and nothing fetches them, InvalidInput for another file.
        """
        ...


@dataclass(frozen=True, slots=True)
class Backbone:
    """file: of the weights, below the folder of data sets."""

    file: Path
    build: Build

    def weights_file(self, data: Path | None) -> Path | None:
        """Where the weights lie below the folder of data sets; None where they don't."""
        path = None if data is None else data / self.file
        return path if path is not None and path.is_file() else None


def _efficientnet_lite0(weights: Path | None, side: int, name: str, *, pretrained: bool = True) -> keras.Model:
    if pretrained and weights is None:
        raise Unavailable(
            "the weights of EfficientNet-Lite0 are not there; fetch them by: pipit data fetch efficientnet_lite0 "
            "--to $PIPIT_DATA, or train the recipe `synthetic`, which needs none"
        )
    return build_efficientnet_lite0(weights if pretrained else None, side, name)


BACKBONES: Mapping[str, Backbone] = {
    "efficientnet_lite0": Backbone(efficientnet_lite_weights.FILE, _efficientnet_lite0),
    "mobilenet_v3_small": Backbone(mobilenet_v3.FILE, mobilenet_v3.build_mobilenet_v3),
    "resnet50": Backbone(resnet50_download.FILE, resnet50.build_resnet50),
}
