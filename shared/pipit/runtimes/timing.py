"""How long a network takes on this machine: a warm-up, then many runs, told by their median and 95th percentile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np

from pipit.bundle.reader import Bundle
from pipit.runtimes.base import Runtime
from pipit.runtimes.loader import load_runtime
from pipit.types import Tensors


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one run over one row. size: of the weights, bytes. threads: of one run."""

    variant: str
    runtime: str
    threads: int
    size: int
    runs: int
    median_ms: float
    p95_ms: float


def time_runtime(runtime: Runtime, tensors: Tensors, runs: int = 50, warm_up: int = 5) -> tuple[float, float]:
    """Median and 95th percentile, in milliseconds, of `runs` runs over `tensors`."""
    return time_calls(lambda: runtime.run(tensors), runs, warm_up)


def time_calls(call: Callable[[], object], runs: int = 50, warm_up: int = 5) -> tuple[float, float]:
    """Median and 95th percentile, in milliseconds, of `runs` calls."""
    for _ in range(warm_up):
        call()
    taken = []
    for _ in range(runs):
        begun = perf_counter_ns()
        call()
        taken.append(perf_counter_ns() - begun)
    return float(np.median(taken)) / 1e6, float(np.percentile(taken, 95)) / 1e6


def time_variants(
    bundle: Bundle, tensors: Tensors, threads: Sequence[int] = (1,), runs: int = 50, warm_up: int = 5
) -> list[Timing]:
    """Every variant of `bundle` with every number of threads, fastest first.

    tensors: one row of what the bundle's pipeline decodes.
    """
    timings = []
    for variant in bundle.manifest.variants:
        for count in threads:
            runtime = load_runtime(bundle.weights(variant.name), variant.runtime, threads=count)
            try:
                median, p95 = time_runtime(runtime, tensors, runs, warm_up)
            finally:
                runtime.close()
            size = bundle.manifest.files[variant.file].size
            timings.append(Timing(variant.name, variant.runtime, count, size, runs, median, p95))
    return sorted(timings, key=lambda timing: timing.median_ms)
