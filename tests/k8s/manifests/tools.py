"""Programs of the environment `.venv/k8s`, or of the path."""

from __future__ import annotations

import shutil

import pytest

from manifests.outside import ROOT


def tool(name: str, where: str = "`make setup` makes the environment that has it") -> str:
    """Skips the test where there is none."""
    found = shutil.which(name, path=str(ROOT / ".venv/k8s/bin")) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; {where}")
    return found
