"""A real registry and a real console on loopback, with people, versions and examples of their own for each test."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from model_registry.server import RegistryServer
from model_registry.settings import RegistrySettings
from PIL import Image
from pipit.bundle import Manifest, write_bundle
from pipit.cli.demo.processes import free_port
from pipit.examples import Consent, Example, Part, Reason, Score
from pipit.examples.client import ExampleClient
from pipit.examples.ids import example_id
from pipit.fleet import DeviceReport, FleetClient
from pipit.fleet.types import State, TaskReport
from pipit.labels.client import LabelClient
from pipit.labels.types import Event, Kind
from pipit.registry import RegistryClient
from pipit.rpc.auth import hash_token

LABELS = ("glass_breaking", "siren", "dog", "crying_baby", "none")
TOKENS = {name: f"the token of {name}" for name in ("anna", "ben", "console", "device")}
DEVICE = "pi-kitchen"
_ROLES = {"anna": "operator, publisher, labeller", "ben": "labeller", "console": "labeller", "device": "device"}
_RATE = 16_000
_START = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)
_START_SECONDS = 60.0
_METRICS = {"accuracy": 0.9, "macro_f1": 0.88}


@dataclass(frozen=True, slots=True)
class Registry:
    """address: host:port."""

    address: str

    def publish(self, folder: Path, task: str, version: str, shift: float = 0.0) -> None:
        """A version with a report, whose measures are `shift` better."""
        bundle = write_bundle(folder / f"{task}-{version}", _manifest(task, version, shift), _files(shift))
        with RegistryClient(self.address, TOKENS["anna"]) as client:
            client.publish(bundle.path)

    def promote(self, task: str, version: str) -> None:
        """To production, at once."""
        with RegistryClient(self.address, TOKENS["anna"]) as client:
            client.promote(task, version, "production", "for the test")

    def bring(self, task: str, examples: Sequence[tuple[Example, bytes]]) -> None:
        """Sends examples as the device does that kept them, with a consent."""
        with ExampleClient(self.address, TOKENS["anna"]) as client:
            client.give_consent(Consent(DEVICE, task, "Anna and Ben agreed to it"))
        with ExampleClient(self.address, TOKENS["device"]) as client:
            for example, content in examples:
                client.upload(example, content)

    def follow(self, device: str, task: str, version: str) -> None:
        """A device that serves the version says so."""
        served = TaskReport(task, version, 1, version, state=State.SERVING, golden_deviation=1e-6)
        report = DeviceReport(
            device, "f" * 32, 1, "production", board="Raspberry Pi 5", tasks=(served,), cpu_temperature=51.0
        )
        with FleetClient(self.address, TOKENS["device"]) as client:
            client.report(report)

    def events(self, task: str) -> list[Event]:
        """All of a task, in the order in which they came."""
        found: list[Event] = []
        after = ""
        with LabelClient(self.address, TOKENS["anna"]) as client:
            while True:
                page = client.read_events(task, after)
                found += page.events
                after = page.next
                if not page.more:
                    return found

    def labels(self, task: str, by: str) -> list[tuple[str, str]]:
        """Examples with the label that somebody gave them, each time that it was given."""
        return [
            (event.example, event.label) for event in self.events(task) if event.kind is Kind.LABEL and event.by == by
        ]


@contextmanager
def running_registry(folder: Path) -> Iterator[Registry]:
    """With a token for each of TOKENS."""
    entries = [
        f"- name: {name}\n  roles: [{_ROLES[name]}]\n  sha256: {hash_token(token)}\n" for name, token in TOKENS.items()
    ]
    tokens = folder / "tokens.yaml"
    tokens.write_text("callers:\n" + "".join(entries))
    server = RegistryServer(RegistrySettings(store=folder / "store", port=0, metrics_port=0, tokens=tokens))
    server.start()
    try:
        yield Registry(f"127.0.0.1:{server.port}")
    finally:
        server.stop(0)


class Console:
    """A process that can be killed and started anew at the same address, with the same index or with none."""

    def __init__(self, registry: str, folder: Path, servers: Sequence[str] = (), prometheus: str = "") -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "console.log"
        self._process: subprocess.Popen[bytes] | None = None
        mine = {
            "PIPIT_CONSOLE_REGISTRY": registry,
            "PIPIT_CONSOLE_SERVERS": ",".join(servers),
            "PIPIT_CONSOLE_PROMETHEUS": prometheus,
            "PIPIT_CONSOLE_PORT": str(self.port),
            "PIPIT_CONSOLE_METRICS_PORT": "0",
            "PIPIT_CONSOLE_CACHE_DIR": str(folder / "console"),
            "PIPIT_CONSOLE_GRACE_SECONDS": "2",
            "PIPIT_TOKEN": TOKENS["console"],
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PIPIT_")}
        self._environment = {**kept, **mine}

    def start(self) -> None:
        """Until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipit_console"], env=self._environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()[-3000:]
            assert time.monotonic() < deadline, self._log.read_text()[-3000:]
            time.sleep(0.05)

    def kill(self) -> None:
        """As a power cut does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """As an engine does; gives the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(30)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2.0) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def sounds(task: str, count: int, first: int = 0, uncertain: bool = True) -> list[tuple[Example, bytes]]:
    """Recordings that do not sound alike, `clip-000.wav` and so on, of which every tenth was kept at random."""
    made = []
    for number in range(first, first + count):
        content = _wav(number)
        top = LABELS[number % len(LABELS)]
        best = 0.4 + 0.2 * ((number * 37) % 100) / 100 if uncertain else 0.95
        rest = [label for label in LABELS if label != top]
        scores = [Score(top, best), *(Score(label, (1 - best) / len(rest)) for label in rest)]
        taken_at = _START + timedelta(minutes=number)
        example = Example(
            id=example_id(taken_at, content),
            task=task,
            device_id=DEVICE,
            media_type="audio/wav",
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            reason=Reason.RANDOM if number % 10 == 9 else Reason.UNCERTAIN,
            taken_at=taken_at,
            version="1.0.0",
            parts=(Part(span=(0.0, 1.0), scores=tuple(scores), label=top),),
            group=f"evening-{number // 20}",
            name=f"clip-{number:03d}.wav",
            position=float(number % 20),
        )
        made.append((example, content))
    return made


def pictures(task: str, count: int) -> list[tuple[Example, bytes]]:
    """Pictures with a box in each, `scene-000.png` and so on."""
    made = []
    for number in range(count):
        random = np.random.default_rng(number)
        pixels = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).resize((320, 240), Image.Resampling.BICUBIC).save(buffer, "PNG")
        content = buffer.getvalue()
        taken_at = _START + timedelta(minutes=number)
        part = Part(box=(40.0, 30.0, 120.0, 90.0), scores=(Score("print", 0.55),), label="print")
        example = Example(
            id=example_id(taken_at, content),
            task=task,
            device_id=DEVICE,
            media_type="image/png",
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            reason=Reason.UNCERTAIN,
            taken_at=taken_at,
            version="1.0.0",
            parts=(part,),
            name=f"scene-{number:03d}.png",
        )
        made.append((example, content))
    return made


def number_of(name: str) -> int:
    """Of `clip-042.wav`: 42."""
    found = re.search(r"clip-(\d+)", name)
    assert found is not None, name
    return int(found[1])


def _wav(number: int) -> bytes:
    """A second of noise through a filter of its own, under a tone of its own."""
    random = np.random.default_rng(number)
    spectrum = np.fft.rfft(random.normal(size=_RATE))
    centre = random.uniform(0.05, 0.9) * spectrum.size
    spectrum *= np.exp(-(((np.arange(spectrum.size) - centre) / random.uniform(200, 1500)) ** 2))
    noise = np.fft.irfft(spectrum, _RATE)
    tone = np.sin(2 * np.pi * random.uniform(100, 7000) * np.arange(_RATE) / _RATE)
    mixed = 0.3 * noise / np.abs(noise).max() + 0.2 * tone
    buffer = io.BytesIO()
    soundfile.write(buffer, mixed.astype(np.float32), _RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def _manifest(task: str, version: str, shift: float) -> Manifest:
    kind = "image" if task.startswith("footprints") else "audio"
    shape: tuple[int, ...] = (96, 96, 3) if kind == "image" else (128, 216, 1)
    metrics = {name: value + shift for name, value in _METRICS.items()}
    labels = ("print",) if kind == "image" else LABELS
    return Manifest.model_validate(
        {
            "task": task,
            "version": version,
            "model_type": task.partition(".")[2],
            "created_at": "2026-11-21T04:00:00Z",
            "labels": labels,
            "input": {"kind": kind, "shape": shape},
            "pipeline": {
                "name": task,
                "parameters": {"front_end": "librosa_22k", "window_seconds": 5.0, "hop_seconds": 2.5},
            },
            "variants": [{"name": "float32", "runtime": "onnx", "file": "weights.onnx"}],
            "default_variant": "float32",
            "decision": {"background": labels[-1]} if kind == "audio" else {},
            "metrics": {
                name: {"value": value, "samples": 400, "low": value - 0.03, "high": value + 0.03}
                for name, value in metrics.items()
            },
            "gates": [{"name": "hears what matters", "metric": "accuracy", "comparison": ">", "limit": 0.7}],
            "golden": {"tolerance": {"float32": 1e-4}},
            "lineage": {
                "dataset_digest": "a" * 64,
                "split_rule": "by recording",
                "config_digest": "b" * 64,
                "code_version": "0.1.0",
                "seed": 7,
            },
            "files": {},
        }
    )


def _files(shift: float) -> dict[str, Path | bytes]:
    right = round(80 * (0.9 + shift))
    size = len(LABELS)
    matrix = [[right if row == column else (80 - right) // (size - 1) for column in range(size)] for row in range(size)]
    share = {"value": 0.9 + shift, "samples": 80, "low": 0.85, "high": 0.95}
    classes: list[Mapping[str, Any]] = [
        {"label": label, "support": 80, "predicted": 80, "precision": share, "recall": share, "f1": 0.9 + shift}
        for label in LABELS
    ]
    evaluation = {"format": 1, "labels": LABELS, "samples": 400, "classes": classes, "confusion": matrix}
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), (40, 90, 160)).save(picture, "PNG")
    return {
        "weights.onnx": b"weights",
        "golden.npz": b"golden",
        "report/evaluation.json": json.dumps(evaluation).encode(),
        "report/model_card.md": b"# A card\n\nWhat it **hears**, and what not.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
        "report/confusion.png": picture.getvalue(),
    }
