"""Images for a Pi, on an emulated Arm processor: they build, start, prove their bundle, and answer as elsewhere.

Emulated times say nothing of a Pi. `make test-stack` tries the lightest image; `make test-arm64` tries them all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pipit.bundle import open_bundle

pytestmark = [pytest.mark.docker, pytest.mark.timeout(2400)]

Build = Callable[..., str]
Run = Callable[..., str]
Start = Callable[..., Any]
ARM = "linux/arm64"
PROCESSOR = ("--platform", ARM, "--volume", f"{Path(__file__).parent / 'cortex-a76.cpuinfo'}:/proc/cpuinfo:ro")
"""A Pi 5's, for libraries that look there; under emulation the file shows the machine that emulates."""
IMPORT_PIPELINES = """
import importlib.metadata
for point in importlib.metadata.entry_points(group="pipit.pipelines"):
    point.load()
    print(point.name)
"""


@pytest.fixture(scope="session")
def emulation(docker: None, run_command: Run) -> None:
    """Skips where Arm programs can't run."""
    here = run_command("docker", "info", "--format", "{{.Architecture}}")
    registered = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64").exists()
    if here not in ("aarch64", "arm64") and not registered and ARM not in run_command("docker", "buildx", "inspect"):
        pytest.skip("needs emulation of arm64: docker run --privileged --rm tonistiigi/binfmt --install arm64")


@pytest.fixture
def architecture(run_command: Run) -> Callable[[str], str]:
    """Of an image."""

    def of(image: str) -> str:
        return str(json.loads(run_command("docker", "inspect", image))[0]["Architecture"])

    return of


@pytest.mark.parametrize(
    ("target", "trained", "asked"),
    [
        ("home-security-inference", "bundle", "clip"),
        pytest.param("emotion-inference", "face_bundle", "photograph", marks=pytest.mark.arm64),
        pytest.param("footprints-inference", "print_bundle", "drawn_print", marks=pytest.mark.arm64),
    ],
)
def test_a_server_on_arm_answers_as_it_does_here(
    emulation: None,
    build: Build,
    serve: Start,
    architecture: Run,
    request: pytest.FixtureRequest,
    target: str,
    trained: str,
    asked: str,
) -> None:
    image = build(target, ARM)
    assert architecture(image) == "arm64"
    bundle, file = request.getfixturevalue(trained), request.getfixturevalue(asked)
    # SERVING means that its golden samples came out right there.
    arm, here = serve(image, bundle, *PROCESSOR), serve(build(target), bundle)
    manifest = open_bundle(bundle).manifest
    tolerance = manifest.golden.tolerance[manifest.default_variant]
    assert arm.scores(file) == pytest.approx(here.scores(file), abs=tolerance)
    assert arm.stop() == 0


@pytest.mark.arm64
def test_every_server_starts_on_arm(
    emulation: None, bake: tuple[str, ...], build: Build, run_command: Run, architecture: Run
) -> None:
    targets = json.loads(run_command(*bake, "--print", "inference"))["target"]
    for target in targets:
        image = build(target, ARM)
        assert architecture(image) == "arm64"
        hardened = ("--rm", "--read-only", "--tmpfs", "/tmp", "--entrypoint", "python")
        tasks = run_command("docker", "run", *PROCESSOR, *hardened, image, "-c", IMPORT_PIPELINES).split()
        assert tasks, f"{target} brings no pipeline"
        assert "--registry" in run_command(
            "docker", "run", *PROCESSOR, *hardened, image, "-m", "pipit.serving", "--help"
        )


@pytest.mark.arm64
def test_the_registry_serves_on_arm(emulation: None, build: Build, keep: Start, architecture: Run) -> None:
    image = build("registry", ARM)
    assert architecture(image) == "arm64"
    assert keep(image, *PROCESSOR).stop() == 0
