"""What lies in an image, and what must not."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pipit.deployment import read_domains
from pipit.landmark_networks import NETWORK_FILES

pytestmark = [pytest.mark.docker, pytest.mark.timeout(2400)]

REPOSITORY = Path(__file__).parents[2]
Build = Callable[..., str]
Run = Callable[..., str]
Packages = Callable[..., dict[str, str]]
DOMAINS = read_domains(REPOSITORY)
LOCKS = {name: f"services/{name}/serve.lock.txt" for name in ("registry", "console")} | {
    f"{domain.name}-{target}": f"services/{domain.package}/{lock}.lock.txt"
    for domain in DOMAINS
    for target, lock in (("inference", "serve"), ("trainer", "train"))
}
SERVERS = tuple(target for target, lock in LOCKS.items() if "serve" in lock)
INFERENCE = SERVERS[2:]
LICENCES = {f"{domain.name}-trainer": domain.licences for domain in DOMAINS}
LISTS = ("lock", "torch", "late.lock")
FURTHER_LOCKS = {
    f"{domain.name}-trainer": tuple(f"services/{domain.package}/{domain.beside}.{kind}.txt" for kind in LISTS)
    for domain in DOMAINS
    if domain.beside
}
"""Of a second environment, in /opt/beside."""
WITH_LANDMARKS = tuple(f"{domain.name}-trainer" for domain in DOMAINS if domain.landmarks)
TRAINERS_LIBRARIES = {
    *("tensorflow", "tensorflow-cpu", "keras", "torch", "torchvision", "torchaudio", "transformers", "lightning"),
    *("ultralytics", "mediapipe", "librosa", "numba", "scikit-learn", "scipy", "matplotlib", "pandas", "tensorboard"),
    *("onnx", "onnxscript", "pip", "setuptools", "wheel"),
}
# A server that hears holds 9 MB more: libsndfile and soxr.
LARGEST_SERVER, LARGEST_WITH_ONNX_RUNTIME = 310_000_000, 400_000_000
"""Bytes, unpacked."""
PACKAGES = """
import importlib.metadata, json
print(json.dumps({each.metadata["Name"]: each.version for each in importlib.metadata.distributions()}))
"""
RECIPES = """
import importlib.metadata
from pipit.training.recipe import recipe_names
for point in importlib.metadata.entry_points(group="pipit.trainers"):
    for name in recipe_names(point.load().recipe_folder, point.name):
        print(point.name.partition(".")[2] + "-" + name)
"""
ULTRALYTICS = """
from footprints.detector.child import interpreter
print(interpreter())
"""
BLUR = """
import numpy
from pipit.capture.blur import FaceBlur
print(FaceBlur()(numpy.zeros((64, 64, 3), numpy.uint8))[1], "faces")
"""
LANDMARKS = """
import pathlib, sys
from pipit.landmark_networks import NETWORK_FILES, is_right
for file in NETWORK_FILES:
    print(file.name, is_right(pathlib.Path(sys.prefix, "share", "pipit", "landmarks", file.name), file))
"""


def locked(path: str) -> dict[str, str]:
    """Names with versions, for Linux on this processor and CPython 3.11."""
    text = (REPOSITORY / path).read_text("utf-8")
    # A requirement goes on, with the digests of its files, after a backslash.
    lines = [line.partition(" --hash=")[0] for line in text.replace("\\\n", " ").splitlines()]
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    here = {"python_version": "3.11", "python_full_version": "3.11.2"}
    chosen = [each for each in requirements if each.marker is None or each.marker.evaluate(here)]
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in chosen}


def complete(path: str) -> dict[str, str]:
    """As `locked`, with PyTorch where it comes after that lock."""
    torch = path.replace(".lock.txt", ".torch.txt")
    return locked(path) | (locked(torch) if (REPOSITORY / torch).is_file() else {})


def built(*targets: str) -> list[Any]:
    """Of all targets, or of these, as parameters: those that can be built here for less than gigabytes."""
    reason = "PyPI's PyTorch is for GPUs and takes gigabytes; name an index with one for processors in TORCH_INDEX"
    skip = pytest.mark.skipif(not os.environ.get("TORCH_INDEX"), reason=reason)
    return [pytest.param(target, marks=skip) if has_torch(target) else target for target in targets or LOCKS]


def has_torch(target: str) -> bool:
    """Whether PyTorch is in the image, in whichever environment."""
    return any("torch" in complete(path) for path in (LOCKS[target], *FURTHER_LOCKS.get(target, ())))


@pytest.fixture
def in_image(run_command: Run) -> Run:
    """Output of a command in a new container of an image."""

    def call(image: str, *command: str) -> str:
        options = ("--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", "--entrypoint", command[0])
        return run_command("docker", "run", *options, image, *command[1:])

    return call


@pytest.fixture
def packages(in_image: Run) -> Packages:
    """Names of installed packages with their versions."""

    def of(image: str, environment: str = "/opt/pipit") -> dict[str, str]:
        found: dict[str, str] = json.loads(in_image(image, f"{environment}/bin/python", "-c", PACKAGES))
        # PyTorch's builds without CUDA say so in their version: 2.13.0+cpu.
        return {canonicalize_name(name): version.partition("+")[0] for name, version in found.items()}

    return of


@pytest.mark.parametrize("target", built())
def test_packages_are_those_of_the_lock_and_no_others(build: Build, packages: Packages, target: str) -> None:
    found = packages(build(target))
    service = canonicalize_name(Path(LOCKS[target]).parent.name)
    own = {name: found.pop(name) for name in ("pipit-shared", f"pipit-{service}")}
    assert found == complete(LOCKS[target])
    assert set(own.values()) == {"0.1.0"}


@pytest.mark.parametrize("target", built(*FURTHER_LOCKS))
def test_what_is_under_another_licence_has_an_environment_of_its_own(
    build: Build, packages: Packages, in_image: Run, target: str
) -> None:
    image = build(target)
    expected = {name: version for path in FURTHER_LOCKS[target] for name, version in locked(path).items()}
    assert packages(image, "/opt/beside") == expected
    assert "ultralytics" in expected
    assert "ultralytics" not in packages(image)
    assert in_image(image, "python", "-c", ULTRALYTICS) == "/opt/beside/bin/python"


@pytest.mark.parametrize("target", SERVERS)
def test_a_server_holds_nothing_that_trains_or_builds(
    build: Build, packages: Packages, in_image: Run, target: str
) -> None:
    image = build(target)
    assert not packages(image).keys() & TRAINERS_LIBRARIES
    script = "for tool in gcc cc g++ clang make ld cmake git; do command -v $tool; done; true"
    assert in_image(image, "sh", "-c", script) == ""


@pytest.mark.parametrize("target", INFERENCE)
def test_a_server_for_a_pi_brings_no_command_line(build: Build, packages: Packages, target: str) -> None:
    assert not packages(build(target)).keys() & {"typer", "rich", "minio"}


@pytest.mark.parametrize("target", built(*WITH_LANDMARKS))
def test_the_networks_that_find_faces_are_there(build: Build, in_image: Run, target: str) -> None:
    found = [line.split() for line in in_image(build(target), "python", "-c", LANDMARKS).splitlines()]
    assert len(found) == len(NETWORK_FILES)
    assert {is_right for _, is_right in found} == {"True"}


@pytest.mark.parametrize("target", [f"{domain.name}-inference" for domain in DOMAINS if domain.blurs_faces])
def test_a_server_that_keeps_pictures_can_blur_faces(build: Build, in_image: Run, target: str) -> None:
    assert in_image(build(target), "python", "-c", BLUR) == "0 faces"


@pytest.mark.parametrize("target", built(*(target for target in LOCKS if "onnxruntime" in locked(LOCKS[target]))))
def test_onnx_runtime_reports_to_nobody(build: Build, in_image: Run, target: str) -> None:
    # It warns where it has no place for the number that it reports under.
    assert in_image(build(target), "sh", "-c", "python -c 'import onnxruntime' 2>&1") == ""
    assert in_image(build(target), "printenv", "ORT_DISABLE_TELEMETRY") == "1"


@pytest.mark.parametrize("target", built())
def test_nobody_is_root_and_labels_say_what_it_is(build: Build, run_command: Run, in_image: Run, target: str) -> None:
    config: Any = json.loads(run_command("docker", "inspect", build(target)))[0]["Config"]
    assert config["User"] == "10001:10001"
    assert in_image(build(target), "id", "-u") == "10001"
    labels = {name.rpartition(".")[2]: value for name, value in config["Labels"].items()}
    project = tomllib.loads((REPOSITORY / "shared" / "pyproject.toml").read_text("utf-8"))["project"]
    assert labels["version"] == project["version"]
    assert labels["licenses"] == LICENCES.get(target, "Apache-2.0")
    assert labels["title"].startswith("Pipit ")
    assert labels["description"]
    assert "revision" in labels
    assert bool(config.get("Healthcheck")) == (target in SERVERS)


@pytest.mark.parametrize("target", SERVERS)
def test_a_server_is_small(build: Build, run_command: Run, target: str) -> None:
    size = json.loads(run_command("docker", "inspect", build(target)))[0]["Size"]
    assert size < (LARGEST_WITH_ONNX_RUNTIME if "onnxruntime" in locked(LOCKS[target]) else LARGEST_SERVER)


@pytest.mark.parametrize("target", built(*(target for target in LOCKS if target.endswith("-trainer"))))
def test_a_trainer_finds_its_recipes(build: Build, in_image: Run, target: str) -> None:
    found = in_image(build(target), "python", "-c", RECIPES).split()
    configs = (REPOSITORY / LOCKS[target]).parent / "configs"
    assert sorted(found) == sorted(path.stem for path in configs.glob("*.yaml"))


def test_an_image_says_where_its_code_is_if_the_builder_does(
    docker: None, bake: tuple[str, ...], run_command: Run
) -> None:
    address = "https://example.org/pipit"
    for source, expected in ((address, address), ("", None)):
        plan = json.loads(run_command(*bake, "--print", SOURCE=source))["target"]
        found = {target: each.get("labels", {}).get("org.opencontainers.image.source") for target, each in plan.items()}
        assert found == dict.fromkeys(LOCKS, expected)


def test_the_index_of_pytorch_reaches_its_trainer(docker: None, bake: tuple[str, ...], run_command: Run) -> None:
    address = "https://example.org/whl/cpu"
    plan = json.loads(run_command(*bake, "--print", TORCH_INDEX=address))["target"]
    reached = {target for target, each in plan.items() if each["args"].get("TORCH_INDEX") == address}
    # The Dockerfile looks there only where the lock names PyTorch.
    assert {target for target in plan if has_torch(target)} <= reached
    assert all(target.endswith("-trainer") for target in reached)


def test_a_trainer_for_a_gpu_is_one_variable_away(docker: None, bake: tuple[str, ...], run_command: Run) -> None:
    wanted = "tensorflow[and-cuda]==2.21.0"
    trainers = [target for target in LOCKS if locked(LOCKS[target]).keys() & {"tensorflow", "tensorflow-cpu"}]
    assert len(trainers) >= 2
    plan = json.loads(run_command(*bake, "--print", TENSORFLOW=wanted))["target"]
    for target in trainers:
        assert plan[target]["args"]["TENSORFLOW"] == wanted
        chosen = locked(LOCKS[target])
        assert wanted.partition("==")[2] == chosen.get("tensorflow-cpu", chosen.get("tensorflow"))
