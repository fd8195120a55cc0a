"""A stack of its own for the tests that need Docker: own project, own ports, own secrets, gone afterwards.

PIPIT_TEST_STAND_INS=1 puts stand-ins at the place of images that can't be pulled (tests/stack/stand_ins).
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.client import Client
from pipit.fleet import FleetClient
from pipit.registry import RegistryClient
from pipit.rpc.certificates import Access
from pipit.rpc.client import open_channel
from pipit.rpc.probe import LIVENESS, health_of
from pipit.settings import DataSettings, Settings, load_settings
from pipit.types import ModelState

REPOSITORY = Path(__file__).parents[2]
TASK = "home_security.sounds"
VARIABLES = [(REPOSITORY / "compose" / name).read_text("utf-8") for name in (".env.example", "domains/variables.env")]
PORTS = (*re.findall(r"^(PIPIT_\w+_PORT)=", "\n".join(VARIABLES), re.MULTILINE), "PIPIT_SMALL_DISK_PORT")
TAG = "stack-test"
"""Of the images, so that nobody who builds meanwhile changes them."""
PATIENCE = 180.0
"""Seconds until what heals by itself must have healed; two cores that build images at the same time are slow."""
CALL = 60.0
"""Seconds for one answer, which a machine that stands still for a while gives late."""


class StackTestSettings(Settings):
    """How these tests are run."""

    test_stand_ins: bool = False
    """Whether stand-ins take the place of images that can't be pulled."""
    torch_index: str = ""
    """As in compose/.env.example. Without one, emotion is trained elsewhere: PyPI's PyTorch has gigabytes."""


class Stack:
    """Drives the stack as a person would: with `make`, `docker`, and calls to its ports."""

    def __init__(self, folder: Path, data: Path | None, overrides: list[Path], ports: list[int]) -> None:
        """ports: one for each of PORTS."""
        self.project = f"pipit-test-{secrets.token_hex(4)}"
        self.data = data
        self.secrets = folder / "secrets"
        self.overrides = overrides
        self.ports = dict(zip(PORTS, ports, strict=True))
        # Nor those of a `make` that started the tests: its targets would get our options.
        others = ("PIPIT_", "COMPOSE_", "MAKE", "MFLAGS", "ARGS")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        meant = ("PIPIT_BASE", "PIPIT_TORCH_INDEX")
        kept |= {name: value for name, value in os.environ.items() if name in meant or name.endswith("_IMAGE")}
        self.environment = {
            **kept,
            "COMPOSE_PROJECT_NAME": self.project,
            "PIPIT_SECRETS": str(self.secrets),
            "PIPIT_DATA": "" if data is None else str(data),
            "PIPIT_HEALTH_INTERVAL": "10s",
            "PIPIT_TAG": TAG,
            "OVERRIDES": " ".join(map(str, overrides)),
            **{name: str(port) for name, port in self.ports.items()},
        }

    @property
    def image(self) -> str:
        """Of the registry: Python, and whatever the library can do."""
        return f"pipit/registry:{TAG}"

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """In the repository's root, with this stack's variables."""
        done = subprocess.run(
            command, env=self.environment, cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
        if check:
            assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return done

    def make(self, target: str, *variables: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run("make", target, *variables, check=check)

    def compose(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        files = ["compose.yaml", "compose.observability.yaml", "compose.train.yaml"]
        paths = [*(str(REPOSITORY / "compose" / name) for name in files), *map(str, self.overrides)]
        return self.run(
            "docker", "compose", *(part for path in paths for part in ("-f", path)), *arguments, check=check
        )

    def container(self, service: str) -> str:
        return self.compose("ps", "--all", "--quiet", service).stdout.strip()

    def inspect(self, service: str) -> Any:
        return json.loads(self.run("docker", "inspect", self.container(service)).stdout)[0]

    def health(self, service: str) -> str:
        state = self.inspect(service)["State"]
        return str(state["Health"]["Status"]) if state["Running"] else "stopped"

    def crash(self, service: str) -> None:
        """Kills the service's process, and not by Docker: then its restart policy holds, as after a crash."""
        state = self.inspect(service)["State"]
        script = f"import os; os.kill({state['Pid']}, 9)"
        options = ("--rm", "--pid=host", "--user=0", "--network=none", "--entrypoint=python")
        self.run("docker", "run", *options, self.image, "-c", script)
        self.wait(lambda: self.inspect(service)["State"]["StartedAt"] != state["StartedAt"], f"{service} starts again")

    def wait(self, is_so: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Until `is_so`; what can't be asked yet is not so yet."""
        deadline = time.monotonic() + seconds
        last = ""
        while True:
            try:
                if is_so():
                    return
            except Exception as error:  # (the last one is shown)
                last = f": {error}"
            assert time.monotonic() < deadline, f"waited {seconds:.0f} s until {what}{last}\n{self.logs()}"
            time.sleep(0.2)

    def wait_until_healthy(self, *services: str) -> None:
        for service in services:
            self.wait(lambda service=service: self.health(service) == "healthy", f"{service} is healthy")  # type: ignore[misc]

    def logs(self) -> str:
        done = self.compose("logs", "--tail", "40", check=False)
        return done.stdout[-8000:]

    def access(self, caller: str) -> Access:
        """What `make up` tells a caller from this machine to set."""
        token = (self.secrets / f"{caller}_token").read_text().strip()
        return Access(token=token, ca=self.secrets / "ca.pem", certificate=None, key=None)

    def registry(self, caller: str = "operator") -> RegistryClient:
        return RegistryClient(f"127.0.0.1:{self.ports['PIPIT_REGISTRY_PORT']}", timeout=CALL, **self.access(caller))

    def fleet(self, caller: str = "operator") -> FleetClient:
        return FleetClient(f"127.0.0.1:{self.ports['PIPIT_REGISTRY_PORT']}", timeout=CALL, **self.access(caller))

    def server(self, port: str = "PIPIT_HOME_SECURITY_PORT", task: str = TASK) -> Client:
        return Client(f"127.0.0.1:{self.ports[port]}", task=task, timeout=CALL, **self.access("caller"))

    def model(self, port: str = "PIPIT_HOME_SECURITY_PORT", task: str = TASK) -> pb.Model:
        """What the server says of a task."""
        with open_channel(f"127.0.0.1:{self.ports[port]}", **self.access("caller")) as channel:
            stub = inference_pb2_grpc.InferenceServiceStub(channel)
            models = stub.ListModels(pb.ListModelsRequest(), timeout=CALL).models
        (model,) = (model for model in models if model.identity.task == task)
        return model

    def says(self, port: str, service: str = "") -> str:
        """Health of the registry's or a server's port."""
        return health_of(f"127.0.0.1:{self.ports[port]}", service, self.access("caller"), timeout=CALL)

    def serving(self, port: str = "PIPIT_HOME_SECURITY_PORT", task: str = TASK) -> str:
        """Digest of what answers now."""
        with self.server(port, task) as server:
            serving = (model for model in server.models() if model.state is ModelState.SERVING)
            return next((model.identity.digest for model in serving if model.identity and model.task == task), "")

    def measured(self, query: str) -> list[Any]:
        """What Prometheus answers."""
        port = self.ports["PIPIT_PROMETHEUS_PORT"]
        address = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(address, timeout=CALL) as answer:
            return list(json.load(answer)["data"]["result"])

    def train(self, *options: str) -> str:
        """Trains, publishes and promotes in the stack; gives what was printed."""
        return self.make("train", f"TASK={TASK}", f"ARGS={shlex.join(options)}").stdout

    def train_elsewhere(self, task: str, folder: Path) -> None:
        """Trains on synthetic data outside of the stack; publishes and promotes in it, as another machine would."""
        pipit = str(Path(sys.executable).with_name("pipit"))
        settings = {
            "PIPIT_DATA": str(folder),
            "PIPIT_RUNS": str(folder / "runs"),
            "PIPIT_REGISTRY": f"127.0.0.1:{self.ports['PIPIT_REGISTRY_PORT']}",
            "PIPIT_TOKEN": (self.secrets / "trainer_token").read_text().strip(),
            "PIPIT_CA": str(self.secrets / "ca.pem"),
            "PIPIT_SIGNING_KEY": str(self.secrets / "signing_key"),
            # Two may train at once, and PyTorch's threads would wait for each other.
            "OMP_NUM_THREADS": "1",
        }
        train = ("train", task, "--recipe", "synthetic", "--publish", "--promote", "production", "--allow-synthetic")
        for arguments in (("data", "synthesise", task), train):
            self.run("env", *(f"{name}={value}" for name, value in settings.items()), pipit, *arguments)


@pytest.fixture(scope="session")
def overrides(docker: None) -> list[Path]:
    """Compose files that put stand-ins in, which are built if need be."""
    if not load_settings(StackTestSettings).test_stand_ins:
        return []
    folder = REPOSITORY / "tests" / "stack" / "stand_ins"
    subprocess.run([folder / "build.sh"], check=True)
    return [folder / "compose.override.yaml"]


@pytest.fixture(scope="session")
def stack(
    overrides: list[Path], tmp_path_factory: pytest.TempPathFactory, free_ports: Callable[[int], list[int]]
) -> Iterator[Stack]:
    """The whole stack, started from nothing by `make up`; with a second server whose disk is small."""
    small_disk = Path(__file__).parent / "small-disk.yaml"
    folder, data = tmp_path_factory.mktemp("stack"), load_settings(DataSettings).data
    stack = Stack(folder, data, [*overrides, small_disk], free_ports(len(PORTS)))
    try:
        stack.make("up")
        yield stack
    finally:
        stack.make("down", "ARGS=--volumes --timeout 2", check=False)


GATES = (
    ("accuracy.security", ">", 0.7),
    ("false_positive_rate", "<", 0.05),
    ("background_alarm_rate", "<", 0.05),
    ("int8_loss_points", "<=", 2.0),
    ("size_mb", "<", 5.0),
)
"""Those of the recipe that a short training passes: it is the way of a bundle to a server that is tested."""


@pytest.fixture(scope="session")
def training() -> tuple[str, ...]:
    """Options of `pipit train` that make a training short and still pass its gates."""
    epochs = 12 if load_settings(DataSettings).data else 20
    gates = [{"name": metric, "metric": metric, "comparison": sign, "limit": limit} for metric, sign, limit in GATES]
    # What stops a rollout here must not be how busy this machine is.
    settings = (f"epochs={epochs}", f"gates={json.dumps(gates)}", "latency_budget_ms=60000")
    return tuple(part for setting in settings for part in ("--set", setting))


@dataclass(frozen=True)
class Untrained:
    """What a server says that no version was promoted for."""

    model: pb.Model
    live: str
    ready: str
    task: str
    container: str


@pytest.fixture(scope="session")
def untrained(stack: Stack) -> Untrained:
    """Asked before anything is trained."""
    port = "PIPIT_HOME_SECURITY_PORT"
    # Until it has heard so from the registry, it is still loading.
    stack.wait(lambda: stack.model().state == pb.Model.STATE_NOT_SERVING, "the server knows that there is none")
    states = [stack.says(port, service) for service in (LIVENESS, "", TASK)]
    return Untrained(stack.model(), *states, stack.health("home-security"))


@pytest.fixture(scope="session")
def trained(stack: Stack, untrained: Untrained, training: tuple[str, ...]) -> str:
    """Version 1.0.0 is trained, promoted and served; its digest."""
    stack.train(*training)
    with stack.registry() as registry:
        (version,) = registry.list_versions(TASK).versions
    stack.wait(lambda: stack.serving() == version.digest, "the server took up what was promoted")
    return version.digest
