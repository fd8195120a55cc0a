"""One picture of a video or a camera. Reading them needs PyAV (`pipit.inputs.video`, `pipit.inputs.camera`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Frame:
    """pixels: RGB, uint8, shape (height, width, 3), upright. seconds: from the start of the video or camera."""

    pixels: NDArray[np.uint8]
    seconds: float
