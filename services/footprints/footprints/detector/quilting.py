"""More ground from a little ground: image quilting.

Source: A. Efros, W. Freeman, Image Quilting for Texture Synthesis and Transfer (2001). Blocks of the sample are laid
row by row so that they overlap; of some drawn at random the one that fits what is there already is taken, and cut
along the path on which both differ least. Every pixel is one of the sample's.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

OVERLAP = 3
"""Blocks overlap by one part in so many."""
TRIED = 40
"""Blocks drawn for each place."""
NEARLY_BEST = 1.5
"""One of those whose error is up to so many of the least is taken: always the best one would lay patterns."""

Pixels = NDArray[np.uint8]
_Floats = NDArray[np.float32]


def quilt(sample: Pixels, height: int, width: int, block: int, generator: np.random.Generator) -> Pixels:
    """Ground of the wanted size. sample: RGB, uint8, both sides longer than `block`. Gives (height, width, 3)."""
    overlap = block // OVERLAP
    step = block - overlap
    windows = sliding_window_view(sample, (block, block), axis=(0, 1))
    rows, columns = -(-(height - overlap) // step), -(-(width - overlap) // step)
    laid = np.zeros((rows * step + overlap, columns * step + overlap, 3), np.float32)
    for row in range(rows):
        for column in range(columns):
            place = laid[row * step : row * step + block, column * step : column * step + block]
            tops = generator.integers(0, windows.shape[0], TRIED)
            lefts = generator.integers(0, windows.shape[1], TRIED)
            candidates = windows[tops, lefts].transpose(0, 2, 3, 1).astype(np.float32)
            place[:] = _joined(place, candidates, overlap, generator, above=row > 0, before=column > 0)
    return laid[:height, :width].astype(np.uint8)


def _joined(
    place: _Floats,
    candidates: _Floats,
    overlap: int,
    generator: np.random.Generator,
    *,
    above: bool,
    before: bool,
) -> _Floats:
    """One of the candidates that differ least in the overlaps, cut into what is there."""
    errors = np.zeros(len(candidates), np.float32)
    if before:
        errors += ((candidates[:, :, :overlap] - place[:, :overlap]) ** 2).sum(axis=(1, 2, 3))
    if above:
        errors += ((candidates[:, :overlap] - place[:overlap]) ** 2).sum(axis=(1, 2, 3))
    chosen = candidates[generator.choice(np.flatnonzero(errors <= NEARLY_BEST * errors.min()))]
    keep = np.zeros(chosen.shape[:2], bool)
    if before:
        keep[:, :overlap] |= _before_cut(((chosen[:, :overlap] - place[:, :overlap]) ** 2).sum(axis=2))
    if above:
        keep[:overlap] |= _before_cut(((chosen[:overlap] - place[:overlap]) ** 2).sum(axis=2).T).T
    return np.where(keep[..., np.newaxis], place, chosen)


def _before_cut(difference: _Floats) -> NDArray[np.bool_]:
    """True left of the path from top to bottom on which the difference is least. difference: (length, overlap)."""
    cost = difference.copy()
    for row in range(1, len(cost)):
        padded = np.pad(cost[row - 1], 1, constant_values=np.inf)
        cost[row] += np.minimum(np.minimum(padded[:-2], padded[1:-1]), padded[2:])
    path = np.empty(len(cost), np.int64)
    path[-1] = cost[-1].argmin()
    for row in range(len(cost) - 2, -1, -1):
        first = max(path[row + 1] - 1, 0)
        path[row] = first + cost[row, first : path[row + 1] + 2].argmin()
    left: NDArray[np.bool_] = np.arange(cost.shape[1]) < path[:, np.newaxis]
    return left
