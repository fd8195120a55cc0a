"""One worker of a training of a tiny network; run by test_distributed.py, which sets PIPIT_WORKERS.

    python distributed_worker.py <scratch> <result.npz> <recipe's values as JSON> [epoch to die in]

The network draws nothing at random, so that workers together do what one process does with their batches joined.
"""

from __future__ import annotations

import json
import math
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
from pipit.errors import PipitError
from pipit.training.distributed import read_worker
from pipit.training.keras_distributed import weights_digest
from pipit.training.keras_fit import fit, make_optimiser, seed_everything
from pipit.training.keras_group import Group, joined
from pipit.training.progress import LogProgress
from pipit.training.recipe import Recipe

ROWS = 37
"""No multiple of any batch: the last one gives the workers shares of different sizes."""
VALUES: dict[str, Any] = {
    "task": "test.tiny",
    "name": "tiny",
    "network": "tiny",
    "data": [{"kind": "none", "path": "none", "licence": "none"}],
    "split": {"rule": "group"},
    "optimiser": {"learning_rate": 0.05, "schedule": "plateau"},
    "early_stopping_patience": 3,
}


class Shares(keras.utils.PyDataset):
    def __init__(self, batch: int, group: Group | None, die_in: int | None) -> None:
        super().__init__()
        self._size = batch * (group.count if group else 1)
        self._index, self._count = (group.index, group.count) if group else (0, 1)
        self._epoch, self._die_in = 0, die_in
        self.rows, self.targets = samples(ROWS, seed=1)

    def __len__(self) -> int:
        return math.ceil(ROWS / self._size)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if self._epoch == self._die_in:
            os.kill(os.getpid(), signal.SIGKILL)
        own = np.arange(ROWS)[index * self._size : (index + 1) * self._size][self._index :: self._count]
        return self.rows[own], self.targets[own]

    def on_epoch_end(self) -> None:
        self._epoch += 1


def samples(count: int, seed: int) -> tuple[Any, Any]:
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(count, 6)).astype(np.float32)
    return rows, np.eye(3, dtype=np.float32)[np.argmax(rows[:, :3] * 2 + generator.normal(size=(count, 3)), axis=1)]


def main(scratch: Path, result: Path, values: dict[str, Any], die_in: int | None) -> None:
    worker = read_worker()
    recipe = Recipe.model_validate(VALUES | values)
    scratch = scratch / str(worker.index)
    scratch.mkdir(parents=True, exist_ok=True)
    if worker.count == 1:
        # Keras changes the order of batches where a process trains alone.
        random.shuffle = lambda batches: None
    with joined(worker) as group:
        if group is not None:
            group.require_same(recipe.digest, "recipe")
        # Another seed on each: the chief's weights are what all begin with.
        seed_everything(recipe.seed + worker.index)
        layers = [keras.Input((6,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(3)]
        model = keras.Sequential(layers)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        model.compile(make_optimiser(recipe.optimiser), loss, metrics=["accuracy"])
        shares = Shares(recipe.batch_size, group, die_in)
        progress = LogProgress()
        weights = {0: 0.5, 1: 1.0, 2: 2.0}
        fitted = fit(model, recipe, shares, samples(11, seed=2), scratch, scratch / "logs", progress, weights, group)
    model.save(scratch / "model.keras")
    np.savez(result, *model.get_weights())
    sys.stdout.write(json.dumps({"digest": weights_digest(model), "best": fitted.best_epoch, **fitted.history}))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4]) if sys.argv[4:] else None)
    except PipitError as error:
        sys.exit(f"{type(error).__name__}: {error}")
