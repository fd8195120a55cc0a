from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pipit.runtimes.base import TensorSpec
from pipit.runtimes.timing import time_runtime


class CountedRuntime:
    """Takes longer in every twentieth run."""

    inputs = (TensorSpec("x", (1,), "float32"),)
    outputs = (TensorSpec("y", (1,), "float32"),)
    batches = False
    digest = "0" * 64

    def __init__(self, clock: list[int]) -> None:
        self.clock = clock
        self.runs = 0

    def run(self, tensors: Any) -> dict[str, NDArray[np.float32]]:
        self.runs += 1
        self.clock[0] += 9_000_000 if self.runs % 20 == 0 else 1_000_000
        return {"y": tensors["x"]}

    def close(self) -> None:
        """Nothing to free."""


def test_median_and_95th_percentile_of_the_runs_after_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0]
    monkeypatch.setattr("pipit.runtimes.timing.perf_counter_ns", lambda: clock[0])
    runtime = CountedRuntime(clock)
    median, p95 = time_runtime(runtime, {"x": np.zeros((1, 1), np.float32)}, runs=40, warm_up=7)
    assert runtime.runs == 47
    assert median == pytest.approx(1.0)
    # Runs 20 and 40 fall among the 40 that count: two of forty are slow, just at the 95th percentile.
    assert p95 == pytest.approx(np.percentile([1.0] * 38 + [9.0] * 2, 95))
