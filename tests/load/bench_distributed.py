"""Samples a second of training `home_security.sounds` (recipe small), by one process and by two workers on loopback.

    python tests/load/bench_distributed.py [rounds]

Two workers on one machine share its cores, so there is nothing to gain: this shows what their exchange costs. With a
core each they stand for two machines of one core and a very fast network. On a machine that does other work meanwhile,
two processes get more of it than one: then look at processor seconds, not at samples a second. Epochs after the first
count; the features are noise, and the validation set is tiny.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from measure import write_csv

ROUNDS = 3
CLIPS, EPOCHS = 256, 4


@dataclass(frozen=True)
class Setup:
    """cores: of each process, by number; all of the machine if there are none."""

    name: str
    cores: Sequence[int | None]
    baseline: str


SETUPS = (
    Setup("one process, all cores", (None,), "one process, all cores"),
    Setup("two workers, all cores shared", (None, None), "one process, all cores"),
    Setup("one process, one core", (0,), "one process, one core"),
    Setup("two workers, one core each", (0, 1), "one process, one core"),
)


@dataclass(frozen=True)
class Result:
    """Of one training. seconds: an epoch takes, by the slowest worker. processor_seconds: of all workers together."""

    seconds: float
    processor_seconds: float


class EpochTimes:
    """Progress that notes when epochs end, by the clock and by the processor's."""

    def __init__(self) -> None:
        self.ends: list[tuple[float, float]] = []

    @contextmanager
    def track(self, description: str, total: float) -> Iterator[EpochTimes]:
        yield self

    def advance(self, amount: float = 1, note: str = "") -> None:
        self.ends.append((perf_counter(), process_time()))

    def say(self, message: str) -> None:
        """Nobody listens."""


def work(core: int | None) -> None:
    """One worker: prints median seconds an epoch, by the clock and by the processor's."""
    if core is not None:
        os.sched_setaffinity(0, {core})  # before TensorFlow counts its threads
    from home_security.sounds.network import train_network
    from home_security.sounds.task import SoundsTrainer
    from pipit.training.by_input.audio.batches import Samples
    from pipit.training.distributed import read_worker
    from pipit.training.keras_group import joined
    from pipit.training.recipe import find_recipe, load_recipe

    path = find_recipe(SoundsTrainer.recipe_folder, "home_security.sounds", "small")
    recipe = load_recipe(path, SoundsTrainer.recipe_type, {"epochs": EPOCHS})
    times, worker = EpochTimes(), read_worker()
    with joined(worker) as group, tempfile.TemporaryDirectory() as folder:
        train, validation = (samples(Samples, clips) for clips in (CLIPS, 8))
        train_network(recipe, 5, train, validation, None, Path(folder), Path(folder) / "logs", times, group)
    print(json.dumps(np.median(np.diff(times.ends, axis=0), axis=0).tolist()))  # noqa: T201


def samples(kind: Any, clips: int) -> Any:
    """Noise in the place of log-mel."""
    generator = np.random.default_rng(clips)
    rows = generator.normal(-40, 20, (clips, 1, 128, 216, 1)).astype(np.float32)
    return kind(rows, np.arange(clips) % 5)


def train(setup: Setup) -> Result:
    """One training by this setup."""
    addresses = ",".join(f"127.0.0.1:{port}" for port in free_ports(len(setup.cores)))
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, "--work", json.dumps(core)],
            env={
                **os.environ,
                "PIPIT_WORKERS": addresses,
                "JOB_COMPLETION_INDEX": str(index),
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for index, core in enumerate(setup.cores)
    ]
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        sys.exit(f"{setup.name}: a worker failed")
    epochs = np.array([json.loads(output.splitlines()[-1]) for output in outputs])
    return Result(float(epochs[:, 0].max()), float(epochs[:, 1].sum()))


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on just now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def main() -> None:
    """Prints and writes `docs/measured/distributed.csv`."""
    if sys.argv[1:2] == ["--work"]:
        work(json.loads(sys.argv[2]))
        return
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("this needs two cores, numbered 0 and 1")
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    results: dict[str, list[Result]] = {setup.name: [] for setup in SETUPS}
    for _ in range(rounds):
        for setup in SETUPS:
            results[setup.name].append(train(setup))
    rates = {name: [CLIPS / each.seconds for each in found] for name, found in results.items()}
    medians = {name: float(np.median(values)) for name, values in rates.items()}
    costs = {name: float(np.median([each.processor_seconds for each in found])) for name, found in results.items()}
    write_csv(
        "distributed",
        [
            {
                "setup": setup.name,
                "processes": len(setup.cores),
                "batch_of_each": 32,
                "clips": CLIPS,
                "epochs": EPOCHS - 1,
                "rounds": rounds,
                "samples_a_second": round(medians[setup.name], 1),
                "slowest": round(min(rates[setup.name]), 1),
                "fastest": round(max(rates[setup.name]), 1),
                "times_one_process": round(medians[setup.name] / medians[setup.baseline], 2),
                "processor_seconds_per_1000_samples": round(costs[setup.name] / CLIPS * 1000, 2),
                "processor_seconds_times_one_process": round(costs[setup.name] / costs[setup.baseline], 2),
                "machine_load": round(os.getloadavg()[1], 1),
            }
            for setup in SETUPS
        ],
    )


if __name__ == "__main__":
    main()
