"""Keras networks as a `pipit.training.kit.Kit`: kept whole, exported for LiteRT.

Importing this imports Keras; only trainers that use it do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import keras
import numpy as np

from pipit.training import keras_norm  # noqa: F401 (networks that are loaded have its layer)
from pipit.training.fitting import balanced_weights
from pipit.training.keras_batches import CopiedBatches
from pipit.training.keras_fit import epochs_done, fit, make_optimiser, seed_everything
from pipit.training.kit import Kit, Labelled, Outputs, Rows, Trained
from pipit.training.progress import Progress
from pipit.training.quantise import export_litert
from pipit.training.recipe import Recipe

FILE = "network.keras"


class KerasKit(Kit):
    """See `Kit`."""

    runtime: ClassVar[Literal["litert"]] = "litert"
    ending: ClassVar[str] = ".tflite"
    packages: ClassVar[tuple[str, ...]] = ("keras", "ai-edge-litert")

    def __init__(self, batch: int = 64) -> None:
        """batch: rows that the network is asked about at a time."""
        self.batch = batch

    def fit(
        self,
        build: Callable[[], keras.Model],
        recipe: Recipe,
        train: Labelled,
        validation: Labelled,
        scratch: Path,
        logs: Path,
        progress: Progress,
    ) -> Trained:
        """See `Kit`."""
        seed_everything(recipe.seed)
        network = build()
        outputs = int(network.output_shape[-1])
        network.compile(
            make_optimiser(recipe.optimiser),
            keras.losses.CategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        targets = np.eye(outputs, dtype=np.float32)
        rows, truth = train
        batches = CopiedBatches([rows], targets[truth], recipe.batch_size, recipe.seed, epochs_done(scratch))
        given = (np.asarray(validation[0], np.float32), targets[validation[1]])
        weights = balanced_weights(truth, outputs) if recipe.class_weights else None
        return Trained(network, fit(network, recipe, batches, given, scratch, logs, progress, weights))

    def save(self, network: keras.Model, folder: Path) -> None:
        """See `Kit`."""
        network.save(folder / FILE)

    def load(self, folder: Path, build: Callable[[], Any]) -> keras.Model:
        """See `Kit`. build: not called. Its optimiser, twice as large as the network, is left in the file."""
        network: keras.Model = keras.models.load_model(folder / FILE, compile=False)
        # XLA would compile it anew for each number of rows, as after a training it never does.
        network.jit_compile = False
        return network

    def outputs(self, network: keras.Model, rows: Rows) -> Outputs:
        """See `Kit`."""
        parts = [
            np.asarray(network.predict_on_batch(np.asarray(rows[start : start + self.batch], np.float32)))
            for start in range(0, len(rows), self.batch)
        ]
        return np.concatenate([np.zeros((0, *network.output_shape[1:]), np.float32), *parts])

    def export(
        self,
        network: keras.Model,
        files: Mapping[str, Path],
        names: tuple[str, str],
        rows: Rows,
        calibration: Rows | None,
    ) -> None:
        """See `Kit`. names: the network's own layers have to bear them."""
        known = None if calibration is None else np.asarray(calibration, np.float32)
        for variant, path in files.items():
            export_litert(network, variant, path, known)
