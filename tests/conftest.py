"""What the tests that need Docker share."""

from __future__ import annotations

import shutil
import subprocess

import pytest


@pytest.fixture(scope="session")
def docker() -> None:
    """Skips where there is no engine."""
    if shutil.which("docker") is None:
        pytest.skip("needs Docker")
    done = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"needs a Docker engine: {done.stderr.strip()[-200:]}")
