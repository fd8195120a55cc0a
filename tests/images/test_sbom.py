"""The list of an image's packages, made from the image itself."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[2]
CYCLONEDX = REPOSITORY / ".venv/supply/bin/cyclonedx-py"
LISTED = """
import importlib.metadata, json
print(json.dumps({each.metadata["Name"]: each.version for each in importlib.metadata.distributions()}))
"""


@pytest.fixture(scope="module")
def cyclonedx() -> Path:
    if not CYCLONEDX.exists():
        pytest.skip("needs `make .venv/supply/.ready`")
    return CYCLONEDX


@pytest.mark.docker
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("target", ["registry", "console", "baby-monitor-inference"])
def test_it_names_every_package_with_version_and_licence(
    build: Callable[..., str], run_command: Callable[..., str], cyclonedx: Path, tmp_path: Path, target: str
) -> None:
    image = build(target)
    said = run_command(str(REPOSITORY / "services/sbom.sh"), str(cyclonedx), image, str(tmp_path))
    assert said.splitlines()[-1] == str(tmp_path / f"{target}.cdx.json")
    made: Any = json.loads((tmp_path / f"{target}.cdx.json").read_text("utf-8"))
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    found = {canonicalize_name(each["name"]): each["version"] for each in made["components"]}
    options = ("--rm", "--network", "none", "--entrypoint", "python")
    listed = json.loads(run_command("docker", "run", *options, image, "-c", LISTED))
    assert found == {canonicalize_name(name): version for name, version in listed.items()}
    licences = {canonicalize_name(each["name"]): each.get("licenses") for each in made["components"]}
    assert licences["grpcio"]
    requires = {each["ref"]: each.get("dependsOn", []) for each in made["dependencies"]}
    assert any(ref.startswith("numpy==") for refs in requires.values() for ref in refs)


def test_known_vulnerabilities_end_the_command_with_an_error(tmp_path: Path) -> None:
    """`make vulnerabilities`, with a pip-audit that knows of one in the registry's lock."""
    asked = tmp_path / "asked.txt"
    tool = tmp_path / ".venv/supply/bin/pip-audit"
    tool.parent.mkdir(parents=True)
    tool.write_text(f'#!/bin/sh\necho "$@" >>{asked}\ncase "$*" in *registry*) exit 1 ;; esac\n')
    tool.chmod(0o755)
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    locks = [path.relative_to(REPOSITORY) for path in REPOSITORY.glob("services/*/*.lock.txt")]
    for lock in locks:
        (tmp_path / lock).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / lock).touch()
    command = ["make", "--assume-old=.venv/supply/.ready", "vulnerabilities", "PYTHON=python3", "ARGS="]
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/supply.lock.txt").touch()
    (tmp_path / ".venv/supply/.ready").touch()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    lines = asked.read_text("utf-8").splitlines()
    assert sorted(line.rpartition(" ")[2] for line in lines) == sorted(map(str, locks))
    assert all("--strict" in line.split() for line in lines)
