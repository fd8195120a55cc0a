"""The page about people says what the settings and commands are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from pipit.cli.faces import app
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings


@pytest.fixture(scope="module")
def page() -> str:
    return (Path(__file__).parents[3] / "docs/faces.md").read_text("utf-8")


def test_settings_stand_with_their_defaults(page: str) -> None:
    listed = dict(re.findall(r"^\| `PIPIT_SERVING_(\w+)` \| `?([^|`]+?)`? \|", page, re.MULTILINE))
    fields = {name: field.default for name, field in ServingSettings.model_fields.items()}
    own = {name for name in fields if name.startswith("gallery") or name == "keep_unknown"}
    assert listed.keys() == {name.upper() for name in own}
    for name in own:
        default = fields[name]
        shown = "none" if default is None else str(default).lower() if isinstance(default, bool) else str(default)
        assert listed[name.upper()] == shown, name


def test_every_command_is_shown_and_every_command_that_is_shown_exists(page: str) -> None:
    commands = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]  # a group has them
    assert set(re.findall(r"pipit faces ([a-z]+)", page)) == commands


def test_its_program_runs(page: str, server: InferenceServer, pictures: Any, tmp_path: Path) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    for number, name in enumerate(("a.jpg", "b.jpg")):
        pictures.file(name, pictures.encode(pictures.draw(4, variation=number), "JPEG", quality=95))
    script = block.replace("pi.local:50051", f"127.0.0.1:{server.port}")
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "['Anna']"
