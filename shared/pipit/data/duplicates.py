"""Finds pictures that are nearly the same, scaled, cut a little or saved anew, by a perceptual hash.

Of the 8 x 8 lowest frequencies of a picture of 32 x 32, which are above their median: 63 bits, the mean left out.
Source: C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions (2010).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE, KEPT = 32, 8
ALIKE = 8
"""Bits in which two pictures may differ and still be taken for one. Unrelated ones differ in about 32."""
ROWS = 1024

Hash = NDArray[np.bool_]


def perceptual_hash(pixels: NDArray[np.uint8]) -> Hash:
    """pixels: RGB, uint8, (height, width, 3). Gives bool, (63,)."""
    grey = Image.fromarray(pixels).convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    low = (_COSINES @ np.asarray(grey, np.float64) @ _COSINES.T).ravel()[1:]
    bits: Hash = low > np.median(low)
    return bits


def differing_bits(one: Hash, other: Hash) -> int:
    """In how many bits two hashes differ; up to `ALIKE` the pictures are taken for one."""
    return int(np.count_nonzero(one != other))


def alike(hashes: Sequence[Hash]) -> list[tuple[int, int]]:
    """Positions of pictures that are nearly the same, each pair once, the smaller position first."""
    if not hashes:
        return []
    signs = np.where(np.stack(hashes), np.float32(1), np.float32(-1))
    least = signs.shape[1] - 2 * ALIKE
    pairs = []
    for start in range(0, len(signs), ROWS):
        rows, columns = np.nonzero(signs[start : start + ROWS] @ signs.T >= least)
        pairs += [(int(r) + start, int(c)) for r, c in zip(rows, columns, strict=True) if r + start < c]
    return pairs


def groups_of(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """A group for each of `count` pictures: the smallest position among those that pairs join."""
    parent = list(range(count))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for first, second in pairs:
        one, other = sorted((root(first), root(second)))
        parent[other] = one
    return [root(index) for index in range(count)]


def _cosines() -> NDArray[np.float64]:
    """The lowest rows of an orthonormal DCT-II, (KEPT, SIDE)."""
    angles = np.pi / SIDE * np.outer(np.arange(KEPT), np.arange(SIDE) + 0.5)
    matrix: NDArray[np.float64] = np.cos(angles) * np.sqrt(2 / SIDE)
    matrix[0] /= np.sqrt(2)
    return matrix


_COSINES = _cosines()
