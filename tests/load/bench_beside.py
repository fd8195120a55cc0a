"""What it costs an answer to be counted, to be kept for a replay, and to have a candidate answer beside it.

All in one process, without a network: two openings of one bundle, its golden clips, and callers that never pause. A
shadow is on and off in turn, so that a busy machine slows both alike.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import numpy as np
from measure import side_by_side, write_csv
from pipit.bundle import open_bundle
from pipit.bundle.golden import read_golden
from pipit.bundle.manifest import GOLDEN_FILE
from pipit.inputs import Input
from pipit.inputs.memory import Budget
from pipit.metrics import Metrics
from pipit.proving import Trials
from pipit.serving.admission import Admission
from pipit.serving.counts import counts_of
from pipit.serving.data_plane import DataPlane
from pipit.serving.loading import LoaderOptions, ModelLoader
from pipit.serving.model import LoadedModel
from pipit.serving.recent import RecentAnswers
from pipit.serving.replay import RecentInputs, sample_of
from pipit.serving.shadow import Shadow
from pipit.serving.types import Selector
from servers import arguments

_CALLS = 50
"""Per round, of what takes microseconds: few enough for one turn of a busy processor."""


def nanoseconds(model: LoadedModel, item: Input, rounds: int) -> list[dict[str, object]]:
    """Of one answer: the metrics of Prometheus, the counts, and what a replay needs."""
    plane = plane_of({"any": model}, Metrics("inference"))
    answer = plane.classify(item, Selector("any"))
    counts, recent, decoded = counts_of(model), RecentInputs(32, 16 << 20), model.decode(item)
    ways: dict[str, Callable[[], object]] = {
        "metrics": lambda: model.meters.answered(answer.times, answer.predictions),
        "counts": lambda: counts.answered(answer.times.total, answer.predictions),
        "kept for a replay": lambda: recent.remember(sample_of(model, item, decoded, answer.predictions)),
    }
    found = side_by_side({name: repeated(way) for name, way in ways.items()}, rounds)
    return [
        {
            "what": f"an answer: {name}",
            "unit": "ns",
            "p50": round(float(np.median(seconds)) / _CALLS * 1e9),
            "p95": round(float(np.percentile(seconds, 95)) / _CALLS * 1e9),
            "samples": rounds * _CALLS,
        }
        for name, seconds in found.items()
    ]


def repeated(call: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        for _ in range(_CALLS):
            call()

    return run


def plane_of(models: dict[str, LoadedModel], metrics: Metrics, places: int = 2) -> DataPlane:
    """Answers with these, by task, and with nothing around them."""

    def host(model: LoadedModel) -> Any:
        def lease(*_: str) -> LoadedModel:
            model.acquire()
            return model

        return SimpleNamespace(lease=lease, is_serving=True, current=model)

    hosts = {model.identity.task: host(model) for model in models.values()} | {
        name: host(model) for name, model in models.items()
    }
    return DataPlane(hosts, Admission(places, 64, Budget(1 << 28)), metrics, RecentAnswers(0))


def requests(
    plane: DataPlane,
    task: str,
    clips: Sequence[Input],
    shadow: Shadow,
    candidate: LoadedModel,
    callers: int,
    rounds: int,
) -> list[dict[str, object]]:
    """Requests without and with a candidate in the shadow, round by round."""
    seconds: dict[str, list[float]] = {"alone": [], "with a shadow": []}
    lock = threading.Lock()
    answered = 0

    def ask(kind: str) -> None:
        took = []
        for clip in clips:
            begun = perf_counter()
            plane.classify(clip, Selector(task))
            took.append(perf_counter() - begun)
        with lock:
            seconds[kind] += took

    with ThreadPoolExecutor(callers) as pool:
        for _ in range(rounds):
            for kind in seconds:
                counts = shadow.follow(candidate if kind == "with a shadow" else None)
                list(pool.map(ask, [kind] * callers))
                if counts is not None:
                    answered += counts.totals().answered
                    shadow.follow(None)
    return [
        {
            "what": f"a request of {callers} callers, {kind}"
            + (f" that answered {answered / len(took):.0%} of them" if kind == "with a shadow" else ""),
            "unit": "ms",
            "p50": round(float(np.median(took)) * 1e3, 2),
            "p95": round(float(np.percentile(took, 95)) * 1e3, 2),
            "samples": len(took),
        }
        for kind, took in seconds.items()
    ]


def main() -> None:
    """Measures, and writes docs/measured/beside.csv."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    bundle = open_bundle(options.bundle)
    clips = [sample.item for sample in read_golden(options.bundle / GOLDEN_FILE)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        metrics = Metrics("inference")
        loader = ModelLoader(LoaderOptions(instances=2), metrics, Trials(folder))
        serving, candidate = loader.open(bundle), loader.open(bundle)
        stack.callback(serving.close)
        stack.callback(candidate.close)
        rows = nanoseconds(serving, clips[0], 20 * options.rounds)
        task = serving.identity.task
        plane = plane_of({task: serving}, metrics)
        shadow = Shadow(task, metrics, Budget(1 << 28), lambda: plane.admission.waiting > 0)
        plane.on_answer = lambda model, item, decoded, said: shadow.offer(sample_of(model, item, decoded, said))
        for callers in (1, 2):
            rows += requests(plane, task, clips, shadow, candidate, callers, options.rounds)
        write_csv("beside", rows)


if __name__ == "__main__":
    main()
