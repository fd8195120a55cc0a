"""What docker-bake.hcl makes of the domains, and the Dockerfiles themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pipit.deployment import read_domains

REPOSITORY = Path(__file__).parents[2]
DOMAINS = read_domains(REPOSITORY)


@pytest.fixture(scope="module")
def plan(docker: None, bake: tuple[str, ...], run_command: Callable[..., str]) -> Any:
    """What bake would build by default, by target."""
    return json.loads(run_command(*bake, "--print"))["target"]


@pytest.mark.docker
def test_every_domain_has_a_server_and_a_trainer(plan: Any) -> None:
    images = {f"{domain.name}-{kind}" for domain in DOMAINS for kind in ("inference", "trainer")}
    assert set(plan) == {"registry", "console", *images}
    assert len(images) >= 6


@pytest.mark.docker
def test_images_are_named_after_their_target(plan: Any) -> None:
    assert {name: each["tags"] for name, each in plan.items()} == {name: [f"pipit/{name}:dev"] for name in plan}


@pytest.mark.docker
def test_an_image_is_told_what_its_domain_says(plan: Any) -> None:
    for domain in DOMAINS:
        server, trainer = plan[f"{domain.name}-inference"], plan[f"{domain.name}-trainer"]
        assert {server["dockerfile"], trainer["dockerfile"]} == {"services/Dockerfile"}
        assert (server["target"], trainer["target"]) == ("inference", "trainer")
        assert server["args"].items() >= {"DOMAIN": domain.package, "TITLE": domain.title}.items()
        assert server["args"]["DESCRIPTION"] == domain.server
        facts = {"DESCRIPTION": domain.trainer, "LICENCES": domain.licences, "BESIDE": domain.beside}
        assert trainer["args"].items() >= facts.items()
        assert bool(trainer["args"]["LANDMARKS"]) == domain.landmarks


def test_dockerfiles_are_clean() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("needs hadolint, which comes with the development environment")
    files = [str(REPOSITORY / "services/Dockerfile"), *sorted(map(str, REPOSITORY.glob("services/*/Dockerfile")))]
    assert len(files) == 3, "a domain has none of its own"
    done = subprocess.run([hadolint, "--no-color", *files], capture_output=True, text=True, check=False)
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)
