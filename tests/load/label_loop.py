"""The loop of labels on real sounds: a weak model serves, its hard examples are labelled, and train the next version.

    train on few ──> serve ──asked──> hard examples ──> labels (the data set's own) ──> freeze ──> train ──> promote

A few clips of ESC-50's fold 1 train, and fold 2 validates both models; the device hears the rest of fold 1 and fold 3;
fold 4 is held. Both are heads on YAMNet, which learn so much from a few dozen clips that how a processor rounds does
not matter.
"""

from __future__ import annotations

import csv
import json
import random
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from model_registry.server import RegistryServer
from model_registry.settings import RegistrySettings
from pipit.cli.main import app
from pipit.client import Client
from pipit.data.tables import file_named
from pipit.examples import Consent, Example
from pipit.examples.client import ExampleClient
from pipit.files import sha256_file
from pipit.labels import Event, Kind
from pipit.labels.client import LabelClient
from pipit.labels.gathering import all_examples
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings
from typer.testing import CliRunner

TASK, DEVICE = "home_security.sounds", "hall"
_MEASURED = {"2": 4, "4": 1}
"""Clips of each class that validate, and that the trainer itself tests on: each of these costs it much time."""
_PATIENCE = 240.0
"""Seconds, on a machine that does other things besides."""
ALARMS = ("dog", "crying_baby")
OTHERS = ("rooster", "sneezing", "clock_tick", "rain")
RECIPE = """
task: home_security.sounds
name: few
network: yamnet
labels: security
data: [{kind: esc50, path: few, licence: CC BY-NC 3.0}]
features: {front_end: yamnet, window_seconds: 5.0, hop_seconds: 2.5}
augmentation: {copies: 2, time_stretch: [1.0, 1.0], pitch_shift: [0.0, 0.0], mixup: 0.0}
network_options: {dropout: 0.0, weight_decay: 0.001}
split: {rule: fold, test_folds: ["4"], validation_folds: ["2"]}
optimiser: {learning_rate: 0.002}
epochs: %(epochs)d
batch_size: 16
early_stopping_patience: %(epochs)d
seed: %(seed)d
workers: 1
export: {variants: [float32]}
"""


@dataclass(frozen=True, slots=True)
class Sound:
    """A clip of ESC-50. label: as a person at the console would say it."""

    path: Path
    label: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Of both trainings, and of what the device keeps: best scores from `low` to `high`."""

    seed: int = 1
    few: int = 2
    """Clips of each class that train the first model."""
    low: float = 0.0
    high: float = 0.9
    epochs: int = 20


def lay_out(source: Path, data: Path, few: int) -> tuple[list[Sound], list[Sound]]:
    """Copies what trains, validates and tests to `data`/few; gives what the device hears, and what is held."""
    rows = list(csv.DictReader((source / "esc50" / "meta" / "esc50.csv").read_text().splitlines()))
    (data / "few" / "audio").mkdir(parents=True)
    (data / "few" / "meta").mkdir()
    kept, heard, held = list[dict[str, str]](), list[Sound](), list[Sound]()
    for category in (*ALARMS, *OTHERS):
        for fold in "1234":
            here = [row for row in rows if (row["category"], row["fold"]) == (category, fold)]
            for number, row in enumerate(here):
                stem = row["filename"].rpartition(".")[0]
                path = next(
                    p for e in ("wav", "ogg", "flac") if (p := file_named(source / "esc50" / "audio", f"{stem}.{e}"))
                )
                sound = Sound(path, category if category in ALARMS else "none")
                if fold == "3" or (fold == "1" and number >= few):
                    heard.append(sound)
                elif fold == "1" or number < _MEASURED[fold]:
                    shutil.copy(path, data / "few" / "audio" / path.name)
                    kept.append({**row, "filename": path.name})
                if fold == "4":
                    held.append(sound)
    with (data / "few" / "meta" / "esc50.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(kept)
    return heard, held


@dataclass
class Loop:
    """One registry, one device that follows it, and the folders of whoever trains."""

    folder: Path
    settings: Settings
    heard: Sequence[Sound]
    """What the device hears, in an order of the seed."""
    held: Sequence[Sound]
    """What nobody trains on, and the device is only asked to measure it."""
    address: str
    examples: ExampleClient
    labels: LabelClient
    stack: ExitStack
    device: str = field(default="")

    def pipit(self, *arguments: object) -> Any:
        """Runs a command of Pipit in this process; gives the JSON that it prints."""
        said = CliRunner().invoke(app, [*map(str, arguments), "--registry", self.address, "--json"])
        if said.exit_code != 0:
            raise RuntimeError(f"pipit {' '.join(map(str, arguments))}: {said.stderr[-2000:]}") from said.exception
        return json.loads(said.stdout)

    def train(self, *additional: str) -> Any:
        """Trains, publishes and promotes a version; gives what `pipit train` says, and the version."""
        recipe = self.folder / "few.yaml"
        settings = self.settings
        recipe.write_text(RECIPE % {"epochs": settings.epochs, "seed": settings.seed})
        places = ("--data", self.folder / "data", "--runs", self.folder / "runs")
        more = [part for one in additional for part in ("--additional-data", one)]
        trained = self.pipit("train", TASK, "--recipe", recipe, *places, *more, "--publish")
        version = max(one["version"] for one in self.pipit("models", TASK)["versions"])
        self.pipit("promote", TASK, version, "--profile", "now", "--reason", "the loop of labels")
        return {**trained, "version": version}

    def serve(self) -> None:
        """Starts the device, and waits until it keeps what the consent allows: a server that follows the registry.

        Raises TimeoutError.
        """
        settings = self.settings
        consent = Consent(DEVICE, TASK, "everybody here agreed", "", None, settings.low, settings.high, 1.0, 0.0)
        self.examples.give_consent(consent)
        server = InferenceServer(
            ServingSettings(
                registry=self.address,
                tasks=(TASK,),
                device_id=DEVICE,
                cache_dir=self.folder / "device",
                port=0,
                metrics_port=0,
                trial_seconds=0.0,
            )
        )
        server.start()
        self.stack.callback(server.stop, 5.0)
        self.device = f"127.0.0.1:{server.port}"
        for _ in until(_PATIENCE, "the device has not heard of the consent"):
            if server.plane.keeping is not None and TASK in server.plane.keeping.tasks:
                return

    def wait_for(self, version: str, seconds: float = _PATIENCE) -> None:
        """Until the device answers by that version. Raises TimeoutError."""
        with Client(self.device, task=TASK) as client:
            for _ in until(seconds, f"the device does not answer by {version}"):
                identity = client.models()[0].identity
                if identity is not None and identity.version == version:
                    return

    def ask(self, sounds: Sequence[Sound]) -> list[tuple[str, float]]:
        """The device's label and best score for each, and of a sound in several parts the surest."""
        with Client(self.device, task=TASK) as client:
            answers = [client.classify(sound.path) for sound in sounds]
        best = [max((part.scores[0] for part in answer.predictions), key=lambda one: one.score) for answer in answers]
        return [(score.label, score.score) for score in best]

    def accuracy(self, *, alarms_only: bool = False) -> float:
        """Share of the held sounds whose best label is the right one; or of those among them that are alarms."""
        held = [sound for sound in self.held if sound.label in ALARMS or not alarms_only]
        answers = self.ask(held)
        return sum(label == sound.label for (label, _), sound in zip(answers, held, strict=True)) / len(held)

    def arrived(self, sounds: Sequence[Sound], seconds: float = _PATIENCE) -> list[Example]:
        """What the registry has of these sounds, once all of them are there. Raises TimeoutError."""
        wanted = {sha256_file(sound.path) for sound in sounds}
        for _ in until(seconds, f"not all of {len(wanted)} sounds arrived"):
            found = [one for one in all_examples(self.examples, TASK)[0] if one.sha256 in wanted]
            if len(found) == len(wanted):
                break
        return found

    def label(self, examples: Sequence[Example]) -> list[Event]:
        """As a person who is always right: by the data set's own labels. Gives what was said."""
        truth = {sha256_file(sound.path): sound.label for sound in self.heard}
        now = datetime.now(UTC)
        events = [Event(str(uuid.uuid4()), Kind.LABEL, now, one.id, label=truth[one.sha256]) for one in examples]
        self.labels.append(TASK, str(uuid.uuid4()), events)
        return events

    def freeze(self, name: str) -> Any:
        """As `pipit label freeze` says."""
        return self.pipit("label", "freeze", TASK, name)


@contextmanager
def open_loop(data: Path, folder: Path, settings: Settings) -> Iterator[Loop]:
    """With a registry of its own; no device serves yet. data: holds esc50, and YAMNet's weights."""
    heard, held = lay_out(data, folder / "data", settings.few)
    (folder / "data" / "backbones").symlink_to(data / "backbones")
    random.Random(settings.seed).shuffle(heard)
    with ExitStack() as stack:
        registry = RegistryServer(RegistrySettings(store=folder / "store", port=0, metrics_port=0, grace_seconds=1.0))
        registry.start()
        stack.callback(registry.stop)
        address = f"127.0.0.1:{registry.port}"
        examples = stack.enter_context(ExampleClient(address))
        labels = stack.enter_context(LabelClient(address))
        yield Loop(folder, settings, heard, held, address, examples, labels, stack)


def until(seconds: float, failure: str) -> Iterator[None]:
    """Looks again every tenth of a second. Raises TimeoutError."""
    end = monotonic() + seconds
    while monotonic() < end:
        yield
        sleep(0.1)
    raise TimeoutError(failure)
