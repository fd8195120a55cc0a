"""PyTorch's kit, for networks that take seconds of samples a row."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pipit.training.kit import Outputs, Rows
from pipit.training.torch_fit import outputs_of
from pipit.training.torch_kit import TorchKit
from pipit.training.torch_onnx import export_onnx
from torch import nn

AT_ONCE = 1 << 20
"""Numbers of rows that a network is asked about together: nine windows of samples, whose layers fill 1 GB."""
MOST_ROWS = 256


class CryKit(TorchKit):
    """See `pipit.training.torch_kit.TorchKit`."""

    def outputs(self, network: nn.Module, rows: Rows) -> Outputs:
        """See `Kit`."""
        values = np.asarray(rows, np.float32)
        count = min(MOST_ROWS, max(1, AT_ONCE // int(np.prod(values.shape[1:]))))
        return outputs_of(network, {"rows": values}, count)

    def export(
        self,
        network: nn.Module,
        files: Mapping[str, Path],
        names: tuple[str, str],
        rows: Rows,
        calibration: Rows | None,
    ) -> None:
        """See `TorchKit`. A network on samples takes any number of them."""
        source, target = names
        row = {source: np.zeros(rows.shape[1:], np.float32)}
        known = None if calibration is None else {source: np.asarray(calibration, np.float32)}
        export_onnx(network, files, row, target, known, getattr(network, "any_length", False))
