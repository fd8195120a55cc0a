"""What a candidate must get through before it may answer, the same in a child process and in this one.

load ──> golden ──> warm ──> close
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from pipit.bundle.golden import check_golden, read_golden
from pipit.bundle.reader import Bundle
from pipit.pipelines import Pipeline, load_pipeline
from pipit.pipelines.networks import open_model
from pipit.runtimes.base import Runtime

MEMORY = "memory"
"""The step of a candidate that found too little memory free, which says nothing of the candidate."""

AtStep = Callable[[str], None]
"""Told the name of each step as it begins; may raise to end the proof there."""


@dataclass(frozen=True, slots=True)
class ProofRequest:
    """variant: the weights to try; empty for the bundle's default. threads, instances: as the server will run them.

    patient: nobody waits for it; whatever else runs on this machine goes first.
    """

    bundle: Bundle
    variant: str = ""
    threads: int = 1
    instances: int = 1
    patient: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """deviation: largest difference of a golden score. seconds, peak_bytes: what the proof took; 0: not measured."""

    deviation: float
    seconds: float = 0.0
    peak_bytes: int = 0


class StepFailed(Exception):
    """A step to the next version failed with `error`."""

    def __init__(self, step: str, error: Exception) -> None:
        super().__init__(f"{step}: {error}")
        self.step = step
        self.error = error


class Overtaken(Exception):
    """Another version is wanted, or the server stops: whatever is done for this one ends."""


def prove(request: ProofRequest, at_step: AtStep, pipelines: Callable[..., Pipeline] = load_pipeline) -> float:
    """Goes the steps and frees what it opened; gives the largest deviation of a golden score.

    Raises NotFound for a pipeline, runtime or variant that is not here, InvalidInput for a file that is no network,
    IntegrityError for golden scores that this machine does not give.
    """
    bundle = request.bundle
    variant = bundle.manifest.variant(request.variant or None).name
    at_step("load")
    with open_model(bundle, variant, request.threads, request.instances, pipelines) as (pipeline, runtime):
        at_step("golden")
        deviation = check_golden(bundle, variant, pipeline, runtime)
        at_step("warm")
        warm(bundle, pipeline, runtime, request.instances)
    return deviation


def warm(bundle: Bundle, pipeline: Pipeline, runtime: Runtime, instances: int) -> None:
    """Runs each instance of the network once, so that the first caller does not pay for it."""
    samples = read_golden(bundle.file(bundle.manifest.golden.file))
    tensors = pipeline.decode(samples[0].item).tensors
    _at_once([partial(runtime.run, tensors)] * instances)


def _at_once(calls: Sequence[Callable[[], object]]) -> None:
    with ThreadPoolExecutor(len(calls), "warm") as pool:
        for future in [pool.submit(call) for call in calls]:
            future.result()
