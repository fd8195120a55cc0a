"""PyTorch networks as a `pipit.training.kit.Kit`: weights are kept, networks exported for ONNX Runtime.

Importing this imports PyTorch; only trainers that use it do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from torch import Tensor, nn

from pipit.training.fitting import sample_weights
from pipit.training.kit import Kit, Labelled, Outputs, Rows, Trained
from pipit.training.progress import Progress
from pipit.training.recipe import Recipe
from pipit.training.torch_data import Samples
from pipit.training.torch_fit import fit, load_weights, outputs_of, save_weights, seed_everything
from pipit.training.torch_onnx import export_onnx

FILE = "network.pt"


class TorchKit(Kit):
    """See `Kit`."""

    runtime: ClassVar[Literal["onnx"]] = "onnx"
    ending: ClassVar[str] = ".onnx"
    packages: ClassVar[tuple[str, ...]] = ("torch", "lightning", "onnx", "onnxruntime")

    def fit(
        self,
        build: Callable[[], nn.Module],
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
        weights = sample_weights(train[1], int(train[1].max()) + 1) if recipe.class_weights else None
        learnt, held_out = (
            Samples({"rows": np.asarray(rows, np.float32)}, truth) for rows, truth in (train, validation)
        )
        fitted = fit(
            network,
            nn.CrossEntropyLoss(reduction="none"),
            recipe,
            replace(learnt, weights=weights),
            held_out,
            scratch,
            logs,
            progress,
            measures={"accuracy": _accuracy},
        )
        return Trained(network, fitted)

    def save(self, network: nn.Module, folder: Path) -> None:
        """See `Kit`."""
        save_weights(network, folder / FILE)

    def load(self, folder: Path, build: Callable[[], Any]) -> nn.Module:
        """See `Kit`."""
        network: nn.Module = build()
        load_weights(network, folder / FILE)
        return network

    def outputs(self, network: nn.Module, rows: Rows) -> Outputs:
        """See `Kit`."""
        return outputs_of(network, {"rows": np.asarray(rows, np.float32)})

    def export(
        self,
        network: nn.Module,
        files: Mapping[str, Path],
        names: tuple[str, str],
        rows: Rows,
        calibration: Rows | None,
    ) -> None:
        """See `Kit`. calibration: convolutions stay in float without it."""
        source, target = names
        known = None if calibration is None else {source: np.asarray(calibration, np.float32)}
        export_onnx(network, files, {source: np.zeros(rows.shape[1:], np.float32)}, target, known)


def _accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.argmax(dim=1) == targets).float().mean()
