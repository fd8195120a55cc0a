"""The commands that the page shows beside its buttons are commands of `pipit`: the real command line parses each."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from pipit.cli import main

CASES: dict[str, str] = json.loads((Path(__file__).parents[1] / "web/tests/commands.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("line", CASES.values(), ids=CASES.keys())
def test_a_command_of_the_page_is_one_of_pipit(line: str) -> None:
    program, *words = shlex.split(line)
    command: Any = typer.main.get_command(main.app)
    while words and hasattr(command, "resolve_command"):  # a group alone, as `pipit devices`, does something itself
        name, command, words = command.resolve_command(typer.Context(command), words)
        assert command is not None, name
    parsed = command.make_context("pipit", list(words))
    assert program == "pipit"
    assert parsed.args == []
    given = [str(value) for value in parsed.params.values() if value]
    assert all(any(word in value for value in given) for word in words if not word.startswith("--"))


def test_an_unknown_option_is_refused() -> None:
    command: Any = typer.main.get_command(main.app)
    _, found, words = command.resolve_command(typer.Context(command), ["promote", "a.b", "1.0.0", "--quickly"])
    with pytest.raises(Exception, match="--quickly"):
        found.make_context("promote", words)
