"""PyTorch networks as a `pipit.training.kit.Kit`: weights are kept, networks exported for ONNX Runtime.

Importing this imports PyTorch; only trainers that use it do.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from torch import nn

from pipit.training.kit import Kit, Outputs, Rows
from pipit.training.torch_fit import load_weights, outputs_of, save_weights
from pipit.training.torch_onnx import export_onnx

FILE = "network.pt"


class TorchKit(Kit):
    """See `Kit`."""

    runtime: ClassVar[Literal["onnx"]] = "onnx"
    ending: ClassVar[str] = ".onnx"
    packages: ClassVar[tuple[str, ...]] = ("torch", "lightning", "onnx", "onnxruntime")

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
        return outputs_of(network, {"rows": rows})

    def export(
        self, network: nn.Module, variant: str, path: Path, names: tuple[str, str], rows: Rows, calibration: Rows | None
    ) -> None:
        """See `Kit`. calibration: convolutions stay in float without it."""
        source, target = names
        known = None if calibration is None else {source: calibration}
        export_onnx(network, variant, path, {source: np.zeros(rows.shape[1:], rows.dtype)}, target, known)
