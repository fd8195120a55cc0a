"""What a capture needs around it, and how a test waits for what its threads do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from pipit.capture.capture import Capture
from pipit.examples.client import ExampleClient
from pipit.metrics import Metrics

TASK = "test.tiny"


def until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)


@dataclass
class Device:
    capture: Capture
    metrics: Metrics
    client: ExampleClient

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, {"task": TASK} | labels) or 0.0

    def stop(self) -> None:
        self.capture.settle()
        self.capture.stop()
        self.client.close()
