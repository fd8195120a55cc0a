"""Aligned faces to vectors: what a bundle says of its embedder, and what is done before and after the network."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.faces.alignment import TEMPLATES, Chip, ChipTemplate
from pipit.files import sha256_bytes

INPUT = "faces"
OUTPUT = "embedding"
"""Names of the network's tensors: float32, (rows, 3, height, width) and (rows, dimensions)."""
_LEAST_LENGTH = 1e-6
_LEAST_DEVIATION = 1.0


@dataclass(frozen=True, slots=True)
class EmbedderSettings:
    """What an embedder takes and gives.

    template: of `pipit.faces.alignment.TEMPLATES`; width, height: the middle of its chip, pixels. A value v of a
    channel becomes (v - mean) / deviation, RGB; per_picture: mean and deviation are instead those of each chip. bgr:
    blue comes first. flipped: the network itself adds the vector of the mirrored face, which tells of its digest only.
    """

    name: str
    template: str
    width: int
    height: int
    dimensions: int
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    deviation: float = 127.5
    per_picture: bool = False
    bgr: bool = False
    flipped: bool = False

    def __post_init__(self) -> None:
        if self.template not in TEMPLATES:
            raise InvalidInput(f"no template {self.template!r} for faces; there are {', '.join(sorted(TEMPLATES))}")
        TEMPLATES[self.template].cut(self.width, self.height)
        numbers = (*self.mean, self.deviation)
        if self.dimensions < 1 or self.deviation <= 0 or not all(math.isfinite(number) for number in numbers):
            raise InvalidInput(f"the embedder {self.name!r} needs dimensions and a deviation above 0, and finite means")

    @property
    def chip(self) -> ChipTemplate:
        """What `FaceFinder` cuts faces by."""
        return TEMPLATES[self.template].cut(self.width, self.height)

    def to_parameters(self) -> dict[str, Any]:
        """As a bundle holds them."""
        return {**asdict(self), "mean": list(self.mean)}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> EmbedderSettings:
        """Raises InvalidInput for what is missing, wrong or not known."""
        known = {field.name for field in fields(cls)}
        unknown = ", ".join(sorted(parameters.keys() - known))
        if unknown:
            raise InvalidInput(
                f"the bundle's embedder has parameters that this Pipit does not know: {unknown}; update it"
            )
        try:
            values = dict(parameters)
            for name in ("width", "height", "dimensions"):
                values[name] = int(values[name])
            if "mean" in values:
                red, green, blue = values["mean"]
                values["mean"] = (float(red), float(green), float(blue))
            if "deviation" in values:
                values["deviation"] = float(values["deviation"])
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"the bundle's parameters of the embedder are wrong ({error}); make it anew") from error

    def digest(self, network: str) -> str:
        """SHA-256, hexadecimal, over what decides in which space vectors lie: network and preprocessing.

        network: SHA-256 of its file.
        """
        words = {**self.to_parameters(), "network": network}
        return sha256_bytes(json.dumps(words, sort_keys=True).encode())


def rows_of(chips: Sequence[Chip], settings: EmbedderSettings) -> NDArray[np.float32]:
    """What the network takes: float32, shape (chips, 3, height, width). Raises InvalidInput for another size."""
    shape = (settings.height, settings.width, 3)
    for chip in chips:
        if chip.shape != shape or chip.dtype != np.uint8:
            raise InvalidInput(
                f"a face for {settings.name} is uint8 of shape {shape}, not {chip.dtype} of {chip.shape}"
            )
    values = np.stack(chips).astype(np.float32) if len(chips) else np.zeros((0, *shape), np.float32)
    if settings.per_picture:
        values -= values.mean(axis=(1, 2, 3), keepdims=True)
        values /= np.maximum(values.std(axis=(1, 2, 3), keepdims=True), np.float32(_LEAST_DEVIATION))
    else:
        values -= np.array(settings.mean, np.float32)
        values /= np.float32(settings.deviation)
    if settings.bgr:
        values = values[..., ::-1]
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def unit_vectors(values: NDArray[Any]) -> NDArray[np.float32]:
    """Each row with length 1, float32. values: shape (rows, dimensions).

    Raises InvalidInput for a row that has no direction.
    """
    rows = np.asarray(values, np.float64)
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > _LEAST_LENGTH).all()):
        raise InvalidInput("the embedder gives a vector without a direction; its file or its settings are wrong")
    vectors: NDArray[np.float32] = (rows / lengths).astype(np.float32)
    return vectors
