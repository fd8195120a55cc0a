"""What the Makefile's commands for the stack would run; no Docker needed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def planned(tmp_path: Path, *arguments: str) -> str:
    """What make would do where no Docker answers."""
    fake = tmp_path / "docker"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIPIT_", "MAKE"))}
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


def test_volumes_are_removed_only_when_asked_for(tmp_path: Path) -> None:
    assert "--volumes" not in planned(tmp_path, "down")
    assert "down --remove-orphans --volumes" in planned(tmp_path, "down", "ARGS=--volumes")
