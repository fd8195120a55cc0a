"""A server in a process of its own, which finds the tiny task as an installed package."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

PIPELINE = """
import os
import numpy as np
from pipit.types import Decoded, LabelScore, Prediction

class Plain:
    def __init__(self, manifest):
        self.labels = manifest.labels

    def decode(self, item):
        return Decoded({"x": item.values[np.newaxis]}, (None,))

    def interpret(self, outputs, decoded):
        order = np.argsort(-outputs["scores"][0])
        return [Prediction(tuple(LabelScore(self.labels[i], float(outputs["scores"][0][i])) for i in order))]

    def open_stream(self):
        return None


class Aborts(Plain):
    def interpret(self, outputs, decoded):
        os.abort()
"""


class Process:
    """A started `python -m pipit.serving`, whose log is read line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid

    def wait_for(self, *events: str) -> dict[str, Any]:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if line.startswith("{") and (entry := json.loads(line))["event"] in events:
                return dict(entry)
        raise AssertionError(f"the process ended without {events}")

    def wait_for_all(self, *events: str) -> dict[str, dict[str, Any]]:
        """The first of each, in whatever order they come."""
        found: dict[str, dict[str, Any]] = {}
        while missing := [event for event in events if event not in found]:
            entry = self.wait_for(*missing)
            found[entry["event"]] = entry
        return found

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Reads until the last process that holds the log has ended."""
        _, rest = self._process.communicate()
        return self._process.returncode, rest
