"""A step of training with batch norm as one operation, and as Keras spells it out: networks of `home_security.sounds`.

    python tests/load/bench_norm.py [rounds]

Batches of 32 log-mel spectrograms, of noise; both in turn. Where a machine does other work, look at the processor's
time.
"""

from __future__ import annotations

import sys
from time import perf_counter, process_time
from typing import Any

import keras
import numpy as np
from home_security.sounds import network as networks
from home_security.sounds.recipe import Network
from keras import layers
from measure import write_csv
from pipit.training import keras_norm
from pipit.training.keras_fit import seed_everything

ROUNDS = 12
BATCH, OUTPUTS, SHAPE = 32, 18, (128, 216, 1)
KINDS = {"one operation": keras_norm.BatchNormalization, "Keras' own": layers.BatchNormalization}


def network(name: str, norm: Any) -> keras.Model:
    """Compiled, with this kind of batch norm."""
    networks.BatchNormalization = norm  # type: ignore[attr-defined]
    seed_everything(1)
    made: keras.Model = getattr(networks, name)(SHAPE, OUTPUTS, Network())
    made.compile(keras.optimizers.Adam(), keras.losses.CategoricalCrossentropy(from_logits=True), jit_compile=False)
    return made


def main() -> None:
    """Prints and writes `docs/measured/batch_norm.csv`."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    draw = np.random.default_rng(1)
    rows = draw.normal(-40.0, 20.0, (BATCH, *SHAPE)).astype(np.float32)
    targets = np.eye(OUTPUTS, dtype=np.float32)[draw.integers(0, OUTPUTS, BATCH)]
    found: list[dict[str, object]] = []
    for name in ("small", "guide"):
        made = {kind: network(name, norm) for kind, norm in KINDS.items()}
        taken: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
        for turn in range(-2, rounds):  # the first two trace and warm up
            for kind, each in made.items():
                clock, processor = perf_counter(), process_time()
                each.train_on_batch(rows, targets)
                if turn >= 0:
                    taken[kind].append((perf_counter() - clock, process_time() - processor))
        medians = {kind: np.median(values, axis=0) * 1e3 / BATCH for kind, values in taken.items()}
        for kind, (clock, processor) in medians.items():
            share = medians[kind] / medians["Keras' own"]
            found.append(
                {
                    "network": name,
                    "batch_norm": kind,
                    "steps": rounds,
                    "ms_a_clip": round(float(clock), 2),
                    "processor_ms_a_clip": round(float(processor), 2),
                    "share_of_keras_clock": round(float(share[0]), 2),
                    "share_of_keras_processor": round(float(share[1]), 2),
                }
            )
    write_csv("batch_norm", found, ("tensorflow-cpu", "keras", "numpy"))


if __name__ == "__main__":
    main()
