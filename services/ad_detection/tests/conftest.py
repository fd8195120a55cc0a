"""What the tests of this domain share."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from ad_detection.channels.recordings import Size
from ad_detection.frames.synthetic import write_frames


@pytest.fixture(scope="session")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data sets that holds a small `synthetic_frames`."""
    folder = tmp_path_factory.mktemp("data")
    write_frames(folder / "synthetic_frames", Size(programmes=2, seconds=640.0, fps=Fraction(1, 8), sound=False))
    return folder
