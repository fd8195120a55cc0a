"""The workflows of this repository."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from workflow_here import REPOSITORY, Workflow


@pytest.fixture(scope="session")
def train_model() -> Workflow:
    return Workflow(REPOSITORY / ".github" / "workflows" / "train-model.yml")
