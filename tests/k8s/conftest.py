"""Renders every overlay with every combination of components, once a session."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from manifests.rendering import Cluster, copy, render_all

ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves out what can't render here, and says why."""
    if shutil.which("kubectl") is None:
        skip = pytest.mark.skip(reason="kubectl is not installed; it renders the manifests (no cluster needed)")
        for item in items:
            if item.path.is_relative_to(Path(__file__).parent):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folders that manifests are made of."""
    return copy(ROOT, tmp_path_factory.mktemp("rendered"))


@pytest.fixture(scope="session")
def clusters(workspace: Path) -> list[Cluster]:
    return render_all(workspace)


@pytest.fixture(scope="session")
def fullest(clusters: list[Cluster]) -> Cluster:
    """The Pi overlay with every component."""
    return max((each for each in clusters if each.overlay == "pi"), key=lambda each: len(each.components))
