"""What the tests of this domain share."""

from __future__ import annotations

from pathlib import Path

import pytest
from ad_detection.frames.synthetic import Size, write_synthetic_set


@pytest.fixture(scope="session")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data sets that holds a small `synthetic_frames`."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "synthetic_frames").mkdir()
    write_synthetic_set(folder / "synthetic_frames", Size(programmes=2, seconds=640.0, step=8.0))
    return folder
