"""Float to the integers of a fully quantised network and back: real = scale * (integer - zero_point).

Source: B. Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference,
2018; LiteRT's 8-bit quantization specification.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput


@cache
def _limits(dtype: str) -> np.iinfo[Any]:
    return np.iinfo(dtype)


@dataclass(frozen=True, slots=True)
class Quantization:
    """Of one tensor. dtype: numpy's name of an integer type."""

    scale: float
    zero_point: int
    dtype: str

    def quantize(self, values: NDArray[np.float32]) -> NDArray[Any]:
        """To the nearest integer, halves to the even one, clipped to the type. Raises InvalidInput for NaN."""
        # In one array of its own, for each further one is as large as the input, and each call of numpy gives the
        # interpreter's lock away.
        integers = np.asarray(values / np.float32(self.scale))
        np.rint(integers, out=integers)
        integers += np.float32(self.zero_point)
        least, most = integers.min(), integers.max()
        if isnan(least):
            # The least of numbers and NaN is NaN.
            raise InvalidInput("the tensor holds NaN, which integers can't; repair the input")
        limits = _limits(self.dtype)
        if least < limits.min or most > limits.max:
            np.clip(integers, limits.min, limits.max, out=integers)
        quantized: NDArray[Any] = integers.astype(self.dtype)
        return quantized

    def dequantize(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """To float32."""
        return (values.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)
