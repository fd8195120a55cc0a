"""What the Makefile's commands for the stack would run; no Docker needed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One with a domain of its own, whose environment for training is a program that says how it was called."""
    folder = tmp_path / "repository"
    (folder / "shared").mkdir(parents=True)
    (folder / "services/toys").mkdir(parents=True)
    for name in ("shared/pyproject.toml", "services/toys/pyproject.toml", "services/toys/domain.toml"):
        (folder / name).touch()
    (folder / "services/toys/train.lock.txt").touch()
    shutil.copy(REPOSITORY / "Makefile", folder)
    program = folder / ".venv/train-toys/bin/pipit"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "toys: $*, in $VIRTUAL_ENV"\n')
    program.chmod(0o755)
    (folder / ".venv/train-toys/.ready").touch()
    return folder


def shell(repository: Path, *arguments: str, typed: str = "") -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIPIT_", "MAKE", "ARGS"))}
    done = subprocess.run(
        ["make", "shell", "TASK=toys.blocks", *arguments],
        cwd=repository,
        env={**environment, "SHELL": "/bin/sh"},
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_shell_has_the_command_of_its_task(repository: Path) -> None:
    said = shell(repository, typed="pipit models\nexit 3\n")
    assert "pipit train toys.blocks --recipe synthetic" in said
    assert f"toys: models, in {repository}/.venv/train-toys\n" in said


def test_a_shell_runs_one_command_where_one_is_given(repository: Path) -> None:
    said = shell(repository, "ARGS=pipit classify 'two words.wav' | tr a-z A-Z")
    assert said == f"toys: classify two words.wav, in {repository}/.venv/train-toys\n".upper()


def planned(tmp_path: Path, *arguments: str) -> str:
    """What make would do where no Docker answers."""
    fake = tmp_path / "docker"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIPIT_", "MAKE", "ARGS"))}
    done = subprocess.run(
        ["make", "--dry-run", *arguments],
        cwd=REPOSITORY,
        env={**environment, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_training_is_done_here_where_no_stack_is_up(tmp_path: Path) -> None:
    plan = planned(tmp_path, "train", "ARGS=--recipe small")
    assert "training in an environment of this machine" in plan
    assert ".venv/train-home_security/bin/pipit train home_security.sounds --recipe small" in plan


def test_training_in_the_stack_can_be_asked_for(tmp_path: Path) -> None:
    plan = planned(tmp_path, "train", "WHERE=stack", "ARGS=--recipe small")
    assert "training in a container of the stack" in plan
    assert "run --rm --build home-security-trainer home_security.sounds --recipe small" in plan


def test_layers_choose_the_files(tmp_path: Path) -> None:
    up = planned(tmp_path, "up")
    assert "compose/secrets.sh\n" in up
    assert "-f compose/compose.yaml -f compose/compose.observability.yaml  up " in up
    assert "-f compose/compose.yaml   up " in planned(tmp_path, "up", "LAYERS=")
    plan = planned(tmp_path, "up", "LAYERS=observability dev", "OVERRIDES=/a.yaml")
    assert "-f compose/compose.observability.yaml -f compose/compose.dev.yaml -f /a.yaml up " in plan


def test_how_to_call_is_said_once_all_is_up(tmp_path: Path) -> None:
    steps = planned(tmp_path, "up").splitlines()
    assert steps[0] == "compose/secrets.sh"
    assert steps[-1] == "compose/secrets.sh --say"
    assert len(steps) == 3


def test_a_device_is_named_and_where_it_is(tmp_path: Path) -> None:
    plan = planned(tmp_path, "device", "DEVICE=pi-kitchen", "TO=pi.local:pipit", "NAMES=10.0.0.9", "SERVERS=emotion")
    assert plan == 'compose/secrets.sh --device "pi-kitchen" "pi.local:pipit" "10.0.0.9" "emotion"\n'


def test_volumes_are_removed_only_when_asked_for(tmp_path: Path) -> None:
    assert "--volumes" not in planned(tmp_path, "down")
    assert "down --remove-orphans --volumes" in planned(tmp_path, "down", "ARGS=--volumes")
