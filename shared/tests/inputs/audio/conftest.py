"""Sounds in every format that is taken, and real clips where there are any."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

Encode = Callable[..., bytes]


@pytest.fixture(scope="session")
def encode() -> Encode:
    """encode(samples, rate, format, subtype=None) -> the file as bytes."""

    def call(samples: NDArray[np.float32], rate: int, form: str, subtype: str | None = None) -> bytes:
        file = io.BytesIO()
        soundfile.write(file, samples, rate, format=form, subtype=subtype)
        return file.getvalue()

    return call


@pytest.fixture(scope="session")
def real_clips(data_folder: Path) -> list[Path]:
    """One clip in nine of ESC-50, 47 of them: every class, recordings from loud to nearly silent."""
    return sorted((data_folder / "esc50" / "audio").glob("*.ogg"))[::9]
