"""A registry in this process, and captures that talk to it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pipit.capture.capture import Capture
from pipit.examples import Consent
from pipit.examples.client import ExampleClient
from pipit.inputs.memory import Budget
from pipit.metrics import Metrics

sys.path.insert(0, str(Path(__file__).parent))

from capture_device import TASK, Device
from fake_registry import FakeRegistry


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    registry = FakeRegistry()
    registry.start()
    yield registry
    registry.stop()


@pytest.fixture
def device(tmp_path: Path, registry: FakeRegistry) -> Iterator[Callable[..., Device]]:
    """Makes one, which a test starts; consent: what stands at the registry."""
    made: list[Device] = []

    def make(
        *, networks: Path | None = None, most_bytes: int = 1 << 20, tasks: tuple[str, ...] = (TASK,), **consent: Any
    ) -> Device:
        if consent.pop("given", True):
            registry.give(Consent("pi-1", TASK, "we agree", **consent))
        metrics, client = Metrics("inference"), ExampleClient(registry.address)
        folder = tmp_path / "capture"
        memory = Budget(256 << 20)
        capture = Capture(folder, tasks, "pi-1", most_bytes, client, metrics, memory, networks or tmp_path / "none")
        made.append(Device(capture, metrics, client))
        return made[-1]

    yield make
    for one in made:
        one.stop()
