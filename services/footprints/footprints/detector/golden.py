"""Golden inputs of a detector: drawn pictures, so that no bundle carries anybody's photographs."""

from __future__ import annotations

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


def golden_inputs(network: Path, settings: FinderSettings, count: int, seed: int) -> list[Input]:
    """Pictures in which prints are found, none of them near the threshold: another processor finds as many.

    Raises InvalidInput for a network that finds none in any.
    """
    prints = [1 + number % 3 for number in range(DRAWN)]
    drawn = [draw(np.random.default_rng((seed, number)), prints[number])[0] for number in range(DRAWN)]
    boxed = [letterbox(pixels, settings.size) for pixels in drawn]
    squares = np.stack([np.rint(values * 255).astype(np.uint8) for values, _ in boxed])
    low = FinderSettings(settings.size, min(LOWEST, settings.threshold), settings.overlap, settings.most)
    found = read_outputs(exported_outputs(network, squares), [placement for _, placement in boxed], low)
    clear = {n: _distance(one, settings.threshold) for n, one in enumerate(found) if _finds(one, settings.threshold)}
    if not clear:
        raise InvalidInput("the detector finds nothing in any drawn print; train it longer")
    chosen = sorted(clear, key=lambda number: -clear[number])[:count]
    return [EncodedImage(draw_png(np.random.default_rng((seed, number)), prints[number])) for number in sorted(chosen)]


def _finds(prints: tuple[Print, ...], threshold: float) -> bool:
    return any(one.score > threshold for one in prints)


def _distance(prints: tuple[Print, ...], threshold: float) -> float:
    """Of the score that comes nearest to the threshold, in shares of it."""
    return min(abs(one.score - threshold) for one in prints) / threshold
