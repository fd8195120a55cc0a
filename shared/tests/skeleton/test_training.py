from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pipit.skeleton import write_task

REPOSITORY = Path(__file__).parents[3]
TASKS = {
    "toys.birds": ("audio", "torch"),
    "toys.blocks": ("image", "keras"),
    "toys.dolls": ("face", "torch"),
    "toys.swings": ("series", "keras"),
}
"""Every input, and both frameworks; `audio` with `keras` is trained and served in tests/domains."""
SETTINGS = """\
[pytest]
addopts = --import-mode=importlib
filterwarnings = error
markers = slow: trains a network
"""


@pytest.mark.slow
def test_skeletons_train_and_their_bundles_answer_by_the_tests_that_come_with_them(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "services").mkdir()
    shutil.copy(REPOSITORY / "shared" / "pyproject.toml", tmp_path / "shared")
    for task, (kind, framework) in TASKS.items():
        write_task(tmp_path, task, kind, framework)
    domain, site = tmp_path / "services/toys", tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*install, "--target", site, domain], check=True, capture_output=True)
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", domain / "tests"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (domain, site))), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "8 passed" in done.stdout
