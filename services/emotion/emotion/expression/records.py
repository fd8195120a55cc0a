"""What readers of data sets give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotion.expression.classes import Contempt


@dataclass(frozen=True, slots=True)
class Face:
    """One labelled picture or clip: a file, pixels, or landmarks.

    name: the same on every machine. person: "" where nobody knows. fold: the data set's own part, "" if it has none.
    pixels: grey, uint8, (height, width). landmarks: (frames, 1536), with aspect, the pictures' height over width.
    """

    name: str
    label: str
    person: str = ""
    fold: str = ""
    path: Path | None = None
    pixels: NDArray[np.uint8] | None = None
    landmarks: NDArray[np.float32] | None = None
    aspect: float = 1.0


@dataclass(frozen=True, slots=True)
class Listing:
    """What a data set holds. tables: files beside the pictures, by name. problems: a line for each bad entry."""

    faces: tuple[Face, ...]
    tables: Mapping[str, Path]
    problems: tuple[str, ...]


Reader = Callable[[Path, Contempt], Listing]
