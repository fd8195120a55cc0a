"""Keras networks as a `pipit.training.kit.Kit`: kept whole, exported for LiteRT.

Importing this imports Keras; only trainers that use it do.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import keras
import numpy as np

from pipit.training.kit import Kit, Outputs, Rows
from pipit.training.quantise import export_litert

FILE = "network.keras"


class KerasKit(Kit):
    """See `Kit`."""

    runtime: ClassVar[Literal["litert"]] = "litert"
    ending: ClassVar[str] = ".tflite"
    packages: ClassVar[tuple[str, ...]] = ("keras", "ai-edge-litert")

    def __init__(self, batch: int = 64) -> None:
        """batch: rows that the network is asked about at a time."""
        self.batch = batch

    def save(self, network: keras.Model, folder: Path) -> None:
        """See `Kit`."""
        network.save(folder / FILE)

    def load(self, folder: Path, build: Callable[[], Any]) -> keras.Model:
        """See `Kit`. build: not called."""
        return keras.models.load_model(folder / FILE)

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
        variant: str,
        path: Path,
        names: tuple[str, str],
        rows: Rows,
        calibration: Rows | None,
    ) -> None:
        """See `Kit`. names: the network's own layers have to bear them."""
        export_litert(network, variant, path, None if calibration is None else np.asarray(calibration, np.float32))
