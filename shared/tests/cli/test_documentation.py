"""`docs/command-line.md` says what the program does."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from pipit.cli.exit_codes import MEANINGS
from pipit.cli.main import PipitGroup
from pipit.cli.settings import CliSettings


@pytest.fixture(scope="module")
def text() -> str:
    return (Path(__file__).parents[3] / "docs" / "command-line.md").read_text("utf-8")


def test_lists_every_exit_code(text: str) -> None:
    listed = {int(code): meaning for code, meaning in re.findall(r"^\| (\d+) \| (.+) \|$", text, re.MULTILINE)}
    assert listed == {code.value: meaning for code, meaning in MEANINGS.items()}


def test_lists_every_command(text: str) -> None:
    listed = set(re.findall(r"^\| `pipit ([\w-]+)", text, re.MULTILINE))
    assert listed == {*PipitGroup.lazy, *entry_points(group="pipit.commands").names}


def test_lists_every_setting_with_its_default(text: str) -> None:
    listed = dict(re.findall(r"^\| `PIPIT_(\w+)` \| (\S+) \|", text, re.MULTILINE))
    fields = CliSettings.model_fields
    assert listed == {
        name.upper(): "none" if field.default is None else str(field.default) for name, field in fields.items()
    }
