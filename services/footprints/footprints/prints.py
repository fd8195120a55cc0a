"""Finds prints in a picture by the detector's network. The same code in the trainer and on the Pi."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.inputs.boxes import Placement, decode_yolo, letterbox, non_maximum_suppression
from pipit.runtimes import Runtime
from pipit.types import Box

INPUT = "images"
"""float32, (rows, 3, size, size), RGB 0..1, letterboxed."""
OUTPUT = "output0"
"""float32, (rows, 4 + classes, anchors), pixels of the letterbox, without suppression: as ultralytics exports it."""
SLACK = 0.005
"""Of a score or an overlap; far more than processors differ by."""


@dataclass(frozen=True, slots=True)
class FinderSettings:
    """How a detector's answer is read."""

    size: int = 320
    """Side of its input, pixels."""
    threshold: float = 0.25
    """Least score of a print."""
    overlap: float = 0.7
    """Two boxes whose intersection over union is larger are one print."""
    most: int = 20
    """Prints of one picture; the best ones."""


@dataclass(frozen=True, slots=True)
class Print:
    """box: in the pixels that were searched. score: 0..1."""

    box: Box
    score: float


class PrintFinder:
    """A detector's network with its settings. Shared by threads; whoever opened the network closes it."""

    def __init__(self, network: Runtime, settings: FinderSettings) -> None:
        """Raises InvalidInput for a network that does not take what the settings say."""
        wanted = (3, settings.size, settings.size)
        shapes = {spec.name: spec.shape for spec in network.inputs}
        if not _fits(shapes.get(INPUT, ()), wanted) or OUTPUT not in {spec.name for spec in network.outputs}:
            raise InvalidInput(f"the detector has to take {INPUT!r} of shape {wanted} and give {OUTPUT!r}; it is wrong")
        self.settings = settings
        self._network = network

    def find(self, pixels: NDArray[np.uint8]) -> tuple[Print, ...]:
        """Best first. pixels: RGB, uint8, (height, width, 3)."""
        return prints_of(*self._look(pixels), self.settings)

    def is_certain(self, pixels: NDArray[np.uint8], slack: float = SLACK) -> bool:
        """Whether the same prints, in the same order, are found wherever the detector's scores are a little different.

        A golden sample has to be such: another processor's last digits must not find one print more.
        """
        output, placement = self._look(pixels)
        settings = self.settings
        found = prints_of(output, placement, settings)
        scores = [one.score for one in found]
        return all(higher - lower > slack for higher, lower in pairwise(scores)) and all(
            prints_of(output, placement, replace(settings, threshold=threshold, overlap=overlap)) == found
            for threshold in (max(settings.threshold - slack, 0.0), min(settings.threshold + slack, 1.0))
            for overlap in (max(settings.overlap - slack, 0.0), min(settings.overlap + slack, 1.0))
        )

    def _look(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[Any], Placement]:
        values, placement = letterbox(pixels, self.settings.size)
        return self._network.run({INPUT: values[np.newaxis]})[OUTPUT][0], placement


def prints_of(output: NDArray[Any], placement: Placement, settings: FinderSettings) -> tuple[Print, ...]:
    """What the detector found, best first. output: (4 + classes, anchors). Boxes without an area are none."""
    candidates = decode_yolo(output, settings.threshold)
    found = non_maximum_suppression(candidates, settings.overlap, settings.most)
    corners = placement.undo(found.corners)
    return tuple(
        Print(Box(left, top, right - left, bottom - top), score)
        for (left, top, right, bottom), score in zip(corners.tolist(), found.scores.tolist(), strict=True)
        if right > left and bottom > top
    )


def finder_settings(parameters: Mapping[str, Any]) -> FinderSettings:
    """`size`, `threshold`, `overlap`, `most` of a bundle's pipeline; each may be left out. Raises InvalidInput."""
    given = {name: parameters[name] for name in FinderSettings.__slots__ if name in parameters}
    problem = next((f"{name} is {value!r}" for name, value in given.items() if not _is_right(name, value)), None)
    if problem is not None:
        raise InvalidInput(
            f"the bundle's pipeline parameters are wrong: {problem}; size and most are whole numbers from 1, "
            "threshold and overlap lie in 0..1"
        )
    return FinderSettings(**given)


def _is_right(name: str, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) and value >= 1 if name in ("size", "most") else 0 <= value <= 1


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(have in (-1, want) for have, want in zip(shape, wanted, strict=True))
