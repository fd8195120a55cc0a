from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pipit.training.by_input.pictures.listing import Picture


@pytest.fixture
def pictures() -> Callable[..., list[Picture]]:
    def make(count: int, side: str = "", source: str = "s", start: int = 0) -> list[Picture]:
        return [
            Picture(Path(f"{i}.jpg"), f"{source}/{side}{i}", "ab"[i % 2], source, side)
            for i in range(start, start + count)
        ]

    return make


@pytest.fixture
def texture() -> Callable[[int], np.ndarray]:
    """Smooth, and different for each seed: RGB, uint8, (200, 260, 3)."""

    def make(seed: int) -> np.ndarray:
        coarse = np.random.default_rng(seed).integers(0, 255, (9, 9, 3), dtype=np.uint8)
        return np.asarray(Image.fromarray(coarse).resize((260, 200), Image.Resampling.BICUBIC))

    return make
