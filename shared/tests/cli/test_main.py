from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import version
from typing import Any

import pytest
from pipit.cli.app import help_of
from pipit.cli.exit_codes import MEANINGS, ExitCode
from pipit.cli.main import PipitGroup
from pipit.cli.train import train
from pipit.installed import installed_tasks


def test_help_names_every_command_and_exit_code(pipit: Any) -> None:
    called = pipit("--help")
    assert called.code == 0
    for name, command in PipitGroup.lazy.items():
        assert name in called.out
        assert command.help in called.out
    for code, meaning in MEANINGS.items():
        assert f"{code.value}  {meaning}" in called.out


def test_installed_services_bring_their_commands(pipit: Any) -> None:
    assert "Commands of the registry service." in pipit("--help").out


def test_no_command_shows_the_help(pipit: Any) -> None:
    called = pipit()
    assert called.code == ExitCode.USAGE
    assert "The whole way once" in called.out + called.err


def test_version(pipit: Any) -> None:
    called = pipit("--version")
    assert (called.code, called.out) == (0, f"pipit {version('pipit-shared')}\n")


def test_an_unknown_command_suggests_the_nearest(pipit: Any) -> None:
    called = pipit("clasify")
    assert called.code == ExitCode.USAGE
    assert "Did you mean 'classify'?" in called.err
    assert called.out == ""


def names_of_all_commands() -> list[tuple[str, ...]]:
    return [
        ("data", "fetch"),
        ("data", "check"),
        ("keys", "generate"),
        ("keys", "show"),
        ("keys", "gallery"),
        *(("faces", name) for name in ("enrol", "check", "list", "forget", "export")),
        *(("faces", name) for name in ("unknown", "name", "ignore", "not", "reembed")),
        *(("rollout", name) for name in ("start", "watch", "explain", "list", "pause", "resume", "abort")),
        *(("devices", name) for name in ("list", "show", "add", "remove")),
        *(("label", name) for name in ("add", "auto", "stats", "list", "freeze", "sets", "export", "import")),
        *((name,) for name in PipitGroup.lazy if name not in ("data", "keys", "faces", "rollout")),
    ]


@pytest.mark.parametrize("name", names_of_all_commands(), ids=" ".join)
def test_every_command_teaches_by_example(pipit: Any, name: tuple[str, ...]) -> None:
    called = pipit(*name, "--help")
    assert called.code == 0
    assert re.search(rf"For example:\s*\n\s+(PIPIT_\w+=\S+ )?pipit {' '.join(name)}\b", called.out)


def test_examples_name_a_task_that_is_installed(pipit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert help_of(train).count(f"pipit train {installed_tasks()[0]}") == 6
    assert "TASK" not in help_of(train)
    monkeypatch.setattr("pipit.cli.app.example_task", lambda: "TASK")
    assert help_of(train).count("pipit train TASK") == 6


_HEAVY = (
    "grpc",
    "numpy",
    "pydantic_settings",
    "requests",
    "tensorflow",
    "soundfile",
    "onnx",
    "matplotlib",
    "pipit._pb",
)


def test_help_imports_no_library_that_a_command_needs() -> None:
    script = (
        "import sys, json, runpy\n"
        "sys.argv = ['pipit', '--help']\n"
        "try: runpy.run_module('pipit.cli.main', run_name='__main__')\n"
        "except SystemExit: pass\n"
        f"print('LOADED', json.dumps([name for name in {_HEAVY!r} if name in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.rpartition("LOADED ")[2]) == []
