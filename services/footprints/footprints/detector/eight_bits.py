"""A detector's network with 8-bit weights and activations: a quarter of the size, and faster.

Convolutions alone, weights by channel, ranges of activations from real training pictures; boxes are put together in
float. Source: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from footprints.prints import INPUT


def quantise(network: Path, to: Path, squares: NDArray[np.uint8]) -> None:
    """Writes `network` in 8 bits. squares: training pictures as the network gets them, (rows, 3, size, size)."""
    advice = logging.getLogger()
    level = advice.level
    advice.setLevel(logging.ERROR)  # To prepare the network first, which its export has done.
    try:
        quantize_static(
            network,
            to,
            _Squares(squares),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv"],
        )
    finally:
        advice.setLevel(level)


class _Squares(CalibrationDataReader):
    """One by one."""

    def __init__(self, squares: NDArray[np.uint8]) -> None:
        self._left: Iterator[NDArray[np.uint8]] = iter(squares)

    def get_next(self) -> dict[str, Any] | None:
        """None at the end."""
        square = next(self._left, None)
        return None if square is None else {INPUT: square[np.newaxis].astype(np.float32) / np.float32(255)}
