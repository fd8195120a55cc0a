"""Real photographs, where they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from pipit.settings import DataSettings, load_settings


@pytest.fixture(scope="session")
def real_prints() -> Path:
    """The folder of data sets, which holds `footprints`."""
    data = load_settings(DataSettings).data
    if data is None or not (data / "footprints").is_dir():
        pytest.skip("needs photographs of prints: set PIPIT_DATA to a folder that holds footprints")
    return data
