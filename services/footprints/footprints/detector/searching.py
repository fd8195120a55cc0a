"""Runs a detector over many pictures, in the runtime that will serve it or by ultralytics, and reads what it found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pipit.inputs import EncodedImage
from pipit.inputs.boxes import Placement, letterbox
from pipit.inputs.image import decode_with_size
from pipit.runtimes import load_runtime

from footprints.prints import INPUT, OUTPUT, FinderSettings, Print, prints_of

BATCH = 16
LOWEST = 0.005
"""Score from which a box counts in the average precision."""

Outputs = NDArray[np.float32]


def read_squares(paths: Sequence[Path], size: int) -> tuple[NDArray[np.uint8], tuple[Placement, ...]]:
    """Pictures as the pipeline gives them to the network, but in 8 bits, (rows, 3, size, size), and where each lies."""
    squares = np.empty((len(paths), 3, size, size), np.uint8)
    placements = []
    for row, path in enumerate(paths):
        picture = decode_with_size(EncodedImage(path.read_bytes()), shorter_side=size)
        values, placement = letterbox(picture.pixels, size)
        squares[row] = np.rint(values * 255)
        placements.append(replace(placement, width=picture.full_width, height=picture.full_height))
    return squares, tuple(placements)


def exported_outputs(
    network: Path, squares: NDArray[np.uint8], advance: Callable[[int], None] = lambda _n: None
) -> Outputs:
    """Raw answers of an exported network, (rows, 4 + classes, anchors). advance: called with rows as they are done."""
    found = []
    with closing(load_runtime(network, "onnx")) as runtime:
        for start in range(0, len(squares), BATCH):
            part = squares[start : start + BATCH].astype(np.float32) / np.float32(255)
            found.append(runtime.run({INPUT: part})[OUTPUT])
            advance(len(part))
    return np.concatenate(found)


def read_outputs(
    outputs: Outputs, placements: Sequence[Placement], settings: FinderSettings
) -> list[tuple[Print, ...]]:
    """Prints of each picture, best first."""
    return [prints_of(row, placement, settings) for row, placement in zip(outputs, placements, strict=True)]


def above(found: Sequence[Sequence[Print]], threshold: float) -> list[tuple[Print, ...]]:
    """Those that score at least so much."""
    return [tuple(one for one in prints if one.score >= threshold) for prints in found]
