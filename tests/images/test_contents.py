"""What lies in an image, and what must not."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.docker

REPOSITORY = Path(__file__).parents[2]
Build = Callable[..., str]
Run = Callable[..., str]
Packages = Callable[[str], dict[str, str]]
LOCKS = {
    "registry": "services/registry/serve.lock.txt",
    "home-security-inference": "services/home_security/serve.lock.txt",
    "home-security-trainer": "services/home_security/train.lock.txt",
}
OWN = {
    "registry": {"pipit-shared", "pipit-registry"},
    "home-security-inference": {"pipit-shared", "pipit-home-security"},
    "home-security-trainer": {"pipit-shared", "pipit-home-security"},
}
SERVERS = ("registry", "home-security-inference")
TRAINERS_LIBRARIES = {
    *("tensorflow", "tensorflow-cpu", "keras", "torch", "torchvision", "torchaudio", "transformers", "lightning"),
    *("ultralytics", "mediapipe", "librosa", "numba", "scikit-learn", "scipy", "matplotlib", "pandas", "tensorboard"),
    *("onnx", "onnxscript", "pip", "setuptools", "wheel"),
}
LARGEST_SERVER = 300_000_000
"""Bytes, unpacked."""
PACKAGES = """
import importlib.metadata, json
print(json.dumps({each.metadata["Name"]: each.version for each in importlib.metadata.distributions()}))
"""
RECIPES = """
from home_security.sounds.train import SoundsTrainer
from pipit.training.recipe import recipe_names
print(*recipe_names(SoundsTrainer.recipe_folder, "home_security.sounds"))
"""


@pytest.fixture
def in_image(run_command: Run) -> Run:
    """Output of a command in a new container of an image."""

    def call(image: str, *command: str) -> str:
        options = ("--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", "--entrypoint", command[0])
        return run_command("docker", "run", *options, image, *command[1:])

    return call


@pytest.fixture
def packages(in_image: Run) -> Callable[[str], dict[str, str]]:
    """Names of installed packages with their versions."""

    def of(image: str) -> dict[str, str]:
        found: dict[str, str] = json.loads(in_image(image, "/opt/pipit/bin/python", "-c", PACKAGES))
        return {canonicalize_name(name): version for name, version in found.items()}

    return of


def locked(path: str) -> dict[str, str]:
    """Names with versions, for Linux on this processor and CPython 3.11."""
    lines = (REPOSITORY / path).read_text("utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    here = {"python_version": "3.11", "python_full_version": "3.11.2"}
    chosen = [each for each in requirements if each.marker is None or each.marker.evaluate(here)]
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in chosen}


@pytest.mark.parametrize("target", LOCKS)
def test_packages_are_those_of_the_lock_and_no_others(build: Build, packages: Packages, target: str) -> None:
    found = packages(build(target))
    own = {name: found.pop(name) for name in OWN[target]}
    assert found == locked(LOCKS[target])
    assert set(own.values()) == {"0.1.0"}


@pytest.mark.parametrize("target", SERVERS)
def test_a_server_holds_nothing_that_trains_or_builds(
    build: Build, packages: Packages, in_image: Run, target: str
) -> None:
    image = build(target)
    assert not packages(image).keys() & TRAINERS_LIBRARIES
    script = "for tool in gcc cc g++ clang make ld cmake git; do command -v $tool; done; true"
    assert in_image(image, "sh", "-c", script) == ""


def test_a_server_for_a_pi_brings_no_command_line(build: Build, packages: Packages) -> None:
    assert not packages(build("home-security-inference")).keys() & {"typer", "rich", "minio"}


@pytest.mark.parametrize("target", LOCKS)
def test_nobody_is_root_and_labels_say_what_it_is(build: Build, run_command: Run, in_image: Run, target: str) -> None:
    config: Any = json.loads(run_command("docker", "inspect", build(target)))[0]["Config"]
    assert config["User"] == "10001:10001"
    assert in_image(build(target), "id", "-u") == "10001"
    labels = {name.rpartition(".")[2]: value for name, value in config["Labels"].items()}
    project = tomllib.loads((REPOSITORY / "shared" / "pyproject.toml").read_text("utf-8"))["project"]
    assert labels["version"] == project["version"]
    assert labels["licenses"] == "Apache-2.0"
    assert {"title", "description", "revision"} <= labels.keys()
    assert bool(config.get("Healthcheck")) == (target in SERVERS)


@pytest.mark.parametrize("target", SERVERS)
def test_a_server_is_small(build: Build, run_command: Run, target: str) -> None:
    size = json.loads(run_command("docker", "inspect", build(target)))[0]["Size"]
    assert size < LARGEST_SERVER


def test_a_trainer_finds_its_recipes(build: Build, in_image: Run) -> None:
    found = in_image(build("home-security-trainer"), "python", "-c", RECIPES)
    assert found.split() == ["guide", "small", "synthetic", "yamnet"]


def test_an_image_says_where_its_code_is_if_the_builder_does(docker: None, run_command: Run) -> None:
    address = "https://example.org/pipit"
    for source, expected in ((address, address), ("", None)):
        plan = json.loads(run_command("docker", "buildx", "bake", "--print", SOURCE=source))["target"]
        found = {target: each.get("labels", {}).get("org.opencontainers.image.source") for target, each in plan.items()}
        assert found == dict.fromkeys(LOCKS, expected)


def test_a_trainer_for_a_gpu_is_one_variable_away(docker: None, run_command: Run) -> None:
    wanted = "tensorflow[and-cuda]==2.21.0"
    plan = json.loads(run_command("docker", "buildx", "bake", "--print", TENSORFLOW=wanted))["target"]
    assert plan["home-security-trainer"]["args"]["TENSORFLOW"] == wanted
    chosen = locked(LOCKS["home-security-trainer"])
    assert wanted.partition("==")[2] == chosen.get("tensorflow-cpu", chosen.get("tensorflow"))
