"""Golden inputs of a detector: drawn pictures, so that no bundle carries anybody's photographs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage, Input
from pipit.inputs.boxes import letterbox

from footprints.detector.searching import LOWEST, exported_outputs, read_outputs
from footprints.detector.synthetic import draw, draw_png
from footprints.prints import FinderSettings, Print

DRAWN = 64
"""Pictures to choose from."""


def golden_inputs(networks: Sequence[Path], settings: FinderSettings, count: int, seed: int) -> list[Input]:
    """Pictures in which prints are found, none of them near the threshold: another processor finds as many.

    networks: of every variant. Raises InvalidInput where one finds none in any.
    """
    prints = [1 + number % 3 for number in range(DRAWN)]
    drawn = [draw(np.random.default_rng((seed, number)), prints[number])[0] for number in range(DRAWN)]
    boxed = [letterbox(pixels, settings.size) for pixels in drawn]
    squares = np.stack([np.rint(values * 255).astype(np.uint8) for values, _ in boxed])
    low = FinderSettings(settings.size, min(LOWEST, settings.threshold), settings.overlap, settings.most)
    placements = [placement for _, placement in boxed]
    found = [read_outputs(exported_outputs(network, squares), placements, low) for network in networks]
    clear = {
        number: min(_distance(one, settings.threshold) for one in several)
        for number, several in enumerate(zip(*found, strict=True))
        if all(_finds(one, settings.threshold) for one in several)
    }
    if not clear:
        raise InvalidInput("the detector finds nothing in any drawn print; train it longer")
    chosen = sorted(clear, key=lambda number: -clear[number])[:count]
    return [EncodedImage(draw_png(np.random.default_rng((seed, number)), prints[number])) for number in sorted(chosen)]


def _finds(prints: tuple[Print, ...], threshold: float) -> bool:
    return any(one.score > threshold for one in prints)


def _distance(prints: tuple[Print, ...], threshold: float) -> float:
    """Of the score that comes nearest to the threshold, in shares of it."""
    return min(abs(one.score - threshold) for one in prints) / threshold
