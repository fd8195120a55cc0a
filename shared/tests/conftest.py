"""Real data, for the tests marked `data`; and a small task of two networks."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from pipit.settings import DataSettings, load_settings


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with one sub-folder per data set. Skips where there is none."""
    folder = load_settings(DataSettings).data
    if folder is None:
        pytest.skip("needs real data; set PIPIT_DATA")
    return folder


@pytest.fixture(scope="session")
def staged_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages with the task test.staged, which its distribution's entry points name."""
    site = tmp_path_factory.mktemp("staged-site")
    info = site / "staged-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: staged\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[pipit.pipelines]\ntest.staged = staged:StagedPipeline\ntest.plain = staged:PlainPipeline\n"
    )
    shutil.copy(Path(__file__).parent / "staged.py", site)
    return site


@pytest.fixture
def staged(staged_site: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of test.staged, whose bundles hold two networks; the task is installed as long as the test runs."""
    monkeypatch.syspath_prepend(staged_site)
    return importlib.import_module("staged")
