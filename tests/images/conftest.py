"""Images built by the bake file, containers of them that are gone afterwards, and a bundle for them to serve."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footprints.species.synthetic import ANIMALS, draw_print, encoded
from PIL import Image
from pipit.client import Client
from pipit.data.synthetic import synthesise
from pipit.errors import PipitError
from pipit.rpc.probe import health_of

REPOSITORY = Path(__file__).parents[2]
SOUNDS, FACES, PRINTS = "home_security.sounds", "emotion.expression", "footprints.species"
PATIENCE = 900.0
"""Seconds; emulated processors are slow, and other tests run beside these."""


def run(*command: str | Path, check: bool = True, **variables: str) -> str:
    """Output of a command in the repository's root."""
    done = subprocess.run(
        command, cwd=REPOSITORY, env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    return done.stdout.strip()


@dataclass(frozen=True)
class Container:
    """One that runs, or has ended."""

    identity: str

    def inspect(self) -> Any:
        return json.loads(run("docker", "inspect", self.identity))[0]

    def address(self, port: int) -> str:
        return run("docker", "port", self.identity, str(port)).splitlines()[0]

    def logs(self) -> str:
        return run("docker", "logs", "--tail", "30", self.identity, check=False)

    def health(self, port: int, service: str = "") -> str:
        """What the server in it says; "" if it can't be reached."""
        try:
            return health_of(self.address(port), service, timeout=60.0)
        except PipitError:
            return ""

    def is_healthy(self) -> bool:
        """By its own health check."""
        return bool(self.inspect()["State"]["Health"]["Status"] == "healthy")

    def scores(self, file: Path) -> dict[str, float]:
        """What the server answers to a recording's first window, or of a picture's largest face or print."""
        with Client(self.address(50051), timeout=120.0) as client:
            answer = client.classify(file)
        return {score.label: score.score for score in answer.predictions[0].scores}

    def wait(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            state = self.inspect()["State"]
            assert state["Running"], f"the container ended before {what}: {state}\n{self.logs()}"
            assert time.monotonic() < deadline, f"waited for long until {what}\n{self.logs()}"
            time.sleep(0.2)

    def stop(self) -> int:
        """As an engine stops it, with SIGTERM; gives the exit code."""
        run("docker", "stop", "--time", "60", self.identity)
        return int(self.inspect()["State"]["ExitCode"])


Start = Callable[..., Container]


@pytest.fixture
def start(docker: None) -> Iterator[Start]:
    """Starts containers as compose and Kubernetes do: read-only, without capabilities."""
    running: list[str] = []

    def begin(image: str, *arguments: str, options: Sequence[str] = ()) -> Container:
        hardened = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
        running.append(run("docker", "run", "--detach", *hardened, *options, image, *arguments))
        return Container(running[-1])

    yield begin
    for identity in running:
        run("docker", "rm", "--force", "--volumes", identity, check=False)


Serve = Callable[..., Container]


def for_everybody(server: str) -> tuple[str, ...]:
    """Options of a container that listens to whoever reaches it, in plain text."""
    values = {"HOST": "0.0.0.0", "ALLOW_ANONYMOUS": "true", "INSECURE": "true"}
    return tuple(part for name, value in values.items() for part in ("--env", f"PIPIT_{server}_{name}={value}"))


@pytest.fixture
def serve(start: Start) -> Serve:
    """Starts an image of an inference server on a bundle's directory, and waits until it is ready."""

    def begin(image: str, bundle: Path, *options: str) -> Container:
        mount = ("--volume", f"{bundle}:/bundle:ro", "--env", "PIPIT_SERVING_BUNDLE=/bundle")
        listen = for_everybody("SERVING")
        container = start(image, options=(*mount, *listen, "--publish", "127.0.0.1:0:50051", *options))
        container.wait(lambda: container.health(50051) == "SERVING", "it serves")
        return container

    return begin


@pytest.fixture
def keep(start: Start) -> Serve:
    """Starts an image of the registry on a folder, for everybody, and waits until it is ready."""

    def begin(image: str, *options: str) -> Container:
        settings = for_everybody("REGISTRY")
        mount = ("--volume", "/var/lib/pipit/registry", "--publish", "127.0.0.1:0:50050")
        container = start(image, options=(*settings, *mount, *options))
        container.wait(lambda: container.health(50050) == "SERVING", "it serves")
        return container

    return begin


@pytest.fixture(scope="session")
def run_command() -> Callable[..., str]:
    return run


@pytest.fixture(scope="session")
def bake() -> tuple[str, ...]:
    """The command, with the files that it reads."""
    return ("docker", "buildx", "bake", "-f", "docker-bake.hcl", "-f", "compose/domains/images.hcl")


@pytest.fixture(scope="session")
def build(docker: None, bake: tuple[str, ...]) -> Callable[..., str]:
    """Builds a target of the bake file, once for each platform; gives the image's name."""
    built: dict[tuple[str, str], str] = {}

    def make(target: str, platform: str = "") -> str:
        if (target, platform) not in built:
            tag = f"test-{platform.rpartition('/')[2] or 'here'}"
            run(*bake, "--load", target, TAG=tag, IMAGES="pipit", PLATFORMS=platform)
            built[target, platform] = f"pipit/{target}:{tag}"
        return built[target, platform]

    return make


def train(task: str, folder: Path, epochs: str = "epochs=2") -> Path:
    """A real bundle, trained for a moment on synthetic data; any user may read it."""
    synthesise(task, folder)
    command = [str(Path(sys.executable).with_name("pipit")), "train", task, "--recipe", "synthetic"]
    options = ["--set", epochs, "--data", folder, "--runs", folder / "runs", "--json"]
    path = Path(json.loads(run(*command, *map(str, options)))["bundle"])
    for each in (path, *path.rglob("*"), *path.parents):
        if each.is_relative_to(folder.parent.parent):
            each.chmod(each.stat().st_mode | (0o055 if each.is_dir() else 0o044))
    return path


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of sounds."""
    return train(SOUNDS, tmp_path_factory.mktemp("sounds"))


@pytest.fixture(scope="session")
def face_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of faces."""
    return train(FACES, tmp_path_factory.mktemp("faces"))


@pytest.fixture(scope="session")
def print_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of prints that a program drew."""
    return train(PRINTS, tmp_path_factory.mktemp("prints"), "stages.0.epochs=2")


@pytest.fixture(scope="session")
def drawn_print(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of one."""
    path = tmp_path_factory.mktemp("drawn") / "print.jpg"
    path.write_bytes(encoded(draw_print(min(ANIMALS), np.random.default_rng(99))))
    return path


@pytest.fixture(scope="session")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a face."""
    pictures = pytest.importorskip("skimage.data", reason="needs scikit-image, which carries the photograph")
    path = tmp_path_factory.mktemp("photograph") / "face.jpg"
    Image.fromarray(pictures.astronaut()).save(path)
    return path


@pytest.fixture(scope="session")
def clip(bundle: Path) -> Path:
    """A recording of the set that the bundle's network was trained on."""
    (data,) = (parent for parent in bundle.parents if list(parent.glob("synthetic_*")))
    return next(path for path in sorted(data.glob("synthetic_*/**/*")) if path.suffix in (".wav", ".flac", ".ogg"))
