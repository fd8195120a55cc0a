"""The bake file knows every image that a Dockerfile can make. Needs no Docker."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TARGET = re.compile(r'^target "(?P<name>[\w-]+)" \{\n(?P<body>.*?)^\}', re.MULTILINE | re.DOTALL)
ATTRIBUTE = re.compile(r"^  (\w+) += (.+)$", re.MULTILINE)
GROUP = re.compile(r'^group "([\w-]+)" \{ targets = \[(.*)\] \}$', re.MULTILINE)


def baked() -> dict[str, dict[str, str]]:
    """Attributes of each target that is an image, as they stand in the file, by the target's name."""
    text = (REPOSITORY / "docker-bake.hcl").read_text("utf-8")
    found = {
        target["name"]: {key: value.strip('"') for key, value in ATTRIBUTE.findall(target["body"])}
        for target in TARGET.finditer(text)
    }
    return {name: body for name, body in found.items() if "dockerfile" in body}


def test_every_dockerfile_with_every_target_is_baked() -> None:
    possible = set()
    for path in REPOSITORY.glob("services/*/Dockerfile"):
        stages = re.split(r"^FROM ", path.read_text("utf-8"), flags=re.MULTILINE)[1:]
        for stage in stages:
            name = re.search(r" AS ([\w-]+)", stage)
            if "\nENTRYPOINT " in stage and name:
                possible.add((str(path.relative_to(REPOSITORY)), name[1]))
    assert {(body["dockerfile"], body["target"]) for body in baked().values()} == possible
    assert len(possible) >= 3


def test_images_are_named_after_their_service_and_target() -> None:
    for name, body in baked().items():
        service = Path(body["dockerfile"]).parent.name.replace("_", "-")
        expected = service if body["target"] == service else f"{service}-{body['target']}"
        assert name == expected
        assert body["tags"] == f'["${{IMAGES}}/{name}:${{TAG}}"]'


def test_every_target_is_in_a_group_that_is_built_by_default() -> None:
    text = (REPOSITORY / "docker-bake.hcl").read_text("utf-8")
    groups = {name: re.findall(r'"([\w-]+)"', members) for name, members in GROUP.findall(text)}
    members = {target for name in groups["default"] for target in groups.get(name, [name])}
    assert members == set(baked())


def test_dockerfiles_are_clean() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("needs hadolint, which comes with the development environment")
    files = sorted(map(str, REPOSITORY.glob("services/*/Dockerfile")))
    done = subprocess.run([hadolint, "--no-color", *files], capture_output=True, text=True, check=False)
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)
