"""A repository with domains that a test makes up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

FACTS = """\
title = "toys"
port = {port}

[server]
description = "Answers which toy lies there"
memory_mib = 384

[trainer]
description = "Trains which toy lies there, and publishes it"
memory_mib = 2048
"""


@pytest.fixture
def add(tmp_path: Path) -> Callable[..., Path]:
    """Adds a domain to the repository at `tmp_path`; gives its folder."""

    def make(package: str = "toys", port: int = 50060, tasks: tuple[str, ...] = ("blocks",), facts: str = "") -> Path:
        folder = tmp_path / "services" / package
        folder.mkdir(parents=True)
        (folder / "domain.toml").write_text(facts or FACTS.format(port=port))
        project = ""
        for group, module in (("pipelines", "pipeline"), ("trainers", "task")):
            project += f'[project.entry-points."pipit.{group}"]\n'
            project += "".join(f'"{package}.{task}" = "{package}.{task}.{module}:Task"\n' for task in tasks)
        (folder / "pyproject.toml").write_text(project)
        return folder

    return make
