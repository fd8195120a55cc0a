"""Strangers that a bundle brings along, as text: what everybody is compared with who is compared with a person."""

from __future__ import annotations

import base64
import binascii

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput

LEAST = 10
"""Strangers that say how like others people look. Fewer give no spread to measure by."""


def pack_cohort(vectors: NDArray[np.float32]) -> str:
    """Unit vectors, (strangers, dimensions), as base64 of float16, which moves a cosine by less than 0.001."""
    return base64.b64encode(vectors.astype("<f2").tobytes()).decode("ascii")


def unpack_cohort(text: str, dimensions: int) -> NDArray[np.float32]:
    """The inverse, of length 1 again. Raises InvalidInput for other bytes, and for fewer than `LEAST` strangers."""
    try:
        values = np.frombuffer(base64.b64decode(text, validate=True), "<f2").astype(np.float32)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"the bundle's cohort can't be read ({error}); make the bundle anew") from error
    if dimensions < 1 or values.size % dimensions or values.size < LEAST * dimensions:
        raise InvalidInput(
            f"the bundle's cohort has {values.size} numbers, which are not {LEAST} or more vectors of {dimensions}"
        )
    vectors = values.reshape(-1, dimensions)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (np.abs(lengths - 1.0) > 0.01).any():
        raise InvalidInput("the bundle's cohort holds vectors whose length is not 1; make the bundle anew")
    return np.asarray(vectors / lengths, np.float32)
