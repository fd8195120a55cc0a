"""Calling `pipit` as a user does, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import soundfile
from google.protobuf.message import Message
from pipit._pb.pipit.fleet.v1 import fleet_pb2 as fleet_pb
from pipit._pb.pipit.fleet.v1 import fleet_pb2_grpc
from pipit.cli.main import app
from pipit.errors import PipitError
from pipit.fleet import RolloutView
from pipit.rpc.mirror import to_proto
from pipit.rpc.server import bind, build_server
from typer.testing import CliRunner

LOUDNESS_RECIPE = """
task: test.loudness
name: plain
network: threshold
data: [{kind: folders, path: tones, licence: made here}]
split: {rule: group}
export: {variants: [float32], default_variant: float32}
gates: [{name: good enough, metric: accuracy, comparison: ">", limit: 0.7}]
"""


@dataclass(frozen=True)
class Called:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output, which has to be nothing but JSON."""
        return json.loads(self.out)


Pipit = Callable[..., Called]


@pytest.fixture(autouse=True)
def _silent(silent_log: None) -> None:
    """All of these tests."""


@pytest.fixture
def pipit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pipit:
    """`pipit("keys", "show", path)`. Settings and keys of the machine are left out."""
    monkeypatch.setattr("pipit.cli.signing.DEFAULT_KEY", tmp_path / "config" / "signing.pem")
    # Where tests run in a container, nothing lasts.
    monkeypatch.setattr("pipit.cli.signing._lasts", lambda path: True)
    for name in ("REGISTRY", "SERVER", "TOKEN", "DATA", "DATA_MIRROR", "RUNS", "SIGNING_KEY"):
        monkeypatch.delenv(f"PIPIT_{name}", raising=False)

    def call(*arguments: object) -> Called:
        result = CliRunner(env={"COLUMNS": "160", "TERM": "dumb", "NO_COLOR": "1"}).invoke(
            app, [str(argument) for argument in arguments], prog_name="pipit"
        )
        return Called(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def train(pipit: Pipit, loudness: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Called]:
    """`pipit COMMAND test.loudness …` with data, runs and a recipe of its own."""
    for label, level in (("loud", 0.5), ("quiet", 0.02)):
        (tmp_path / "tones" / label).mkdir(parents=True)
        for number in range(6):
            samples = loudness.tone(1.0, level * (1 + 0.1 * number))
            soundfile.write(tmp_path / "tones" / label / f"{number}.wav", samples, loudness.RATE)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "loudness-plain.yaml").write_text(LOUDNESS_RECIPE)
    monkeypatch.setattr(loudness.LoudnessTrainer, "recipe_folder", tmp_path / "configs")

    def call(command: str, *arguments: object) -> Called:
        monkeypatch.setenv("PIPIT_DATA", str(tmp_path))
        monkeypatch.setenv("PIPIT_RUNS", str(tmp_path / "runs"))
        return pipit(command, "test.loudness", *arguments)

    return call


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a registry of its own."""
    server_module = pytest.importorskip("model_registry.server")
    settings_module = pytest.importorskip("model_registry.settings")
    # Where the machine stands still for a second, a start would not wait for what tests ask of it at once.
    monkeypatch.setattr("model_registry.health._FIRST_LOOK_SECONDS", 60.0)
    monkeypatch.setattr("model_registry.fleet.keeper._FIRST_ROUND_SECONDS", 60.0)
    settings = settings_module.RegistrySettings(store=tmp_path / "store", port=0, metrics_port=0, grace_seconds=1.0)
    server = server_module.RegistryServer(settings)
    server.start()
    yield f"127.0.0.1:{server.port}"
    server.stop()


class FakeFleet(fleet_pb2_grpc.FleetServiceServicer):
    """A registry that says what a test lays down, over a real connection.

    views: what GetRollout says, one after the other, and then the last one for good; an error is raised. answers: of
    the other methods, by name. asked: every request, in order.
    """

    def __init__(self) -> None:
        self.address = ""
        self.views: list[RolloutView | PipitError] = []
        self.answers: dict[str, Message | PipitError] = {}
        self.asked: list[Message] = []

    def GetRollout(self, request: Any, context: Any) -> Any:  # noqa: N802 (gRPC's name)
        """The next view."""
        self.asked.append(request)
        view = self.views.pop(0) if len(self.views) > 1 else self.views[0]
        if isinstance(view, PipitError):
            raise view
        return to_proto(view, fleet_pb.GetRolloutResponse)

    def _answer(self, request: Any, context: Any) -> Any:
        self.asked.append(request)
        answer = self.answers[type(request).__name__.removesuffix("Request")]
        if isinstance(answer, PipitError):
            raise answer
        return answer

    StartRollout = PauseRollout = ResumeRollout = AbortRollout = ListRollouts = _answer
    ListDevices = AddDevice = RemoveDevice = Pin = Unpin = _answer


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch, pipit: Pipit) -> Iterator[FakeFleet]:
    """The registry in the settings. Following it costs no time."""
    service, server = FakeFleet(), build_server()
    fleet_pb2_grpc.add_FleetServiceServicer_to_server(service, server)
    service.address = f"127.0.0.1:{bind(server, '127.0.0.1:0')}"
    server.start()
    monkeypatch.setenv("PIPIT_REGISTRY", service.address)
    monkeypatch.setattr("pipit.cli.rollout_follow._POLL_SECONDS", 0.0)
    yield service
    server.stop(None)
