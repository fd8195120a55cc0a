"""Real data, for the tests marked `data`."""

from __future__ import annotations

from pathlib import Path

import pytest
from pipit.settings import DataSettings, load_settings


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with one sub-folder per data set. Skips where there is none."""
    folder = load_settings(DataSettings).data
    if folder is None:
        pytest.skip("needs real data; set PIPIT_DATA")
    return folder
