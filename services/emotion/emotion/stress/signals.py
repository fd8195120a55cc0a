"""What a stress network may look at, step by step, and how raw numbers become comparable between people.

    physiology   heart rate, RMSSD, skin conductance; a minute each
    landmarks    the 1,536 features of `pipit.landmarks`, placed and sized by the face itself

A value that is missing is NaN here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.inputs.physiology import MISSING, PHYSIOLOGY_NAMES
from pipit.inputs.physiology import TENSOR as PHYSIOLOGY_TENSOR
from pipit.landmarks import FEATURE_NAMES, FEATURES, join_features, split_features

Values = NDArray[np.float32]
"""(steps, signals), NaN where missing."""

_TINY = 1e-6


@dataclass(frozen=True)
class Signals:
    """One kind of input. groups: for each signal the number of its group; signals of a group are missing together.

    comparable: from raw values to ones that are standardised. Raises InvalidInput for impossible values.
    """

    name: str
    names: tuple[str, ...]
    units: str
    groups: NDArray[np.int64]
    comparable: Callable[[Values], Values] = field(compare=False)

    @property
    def channels(self) -> int:
        """Of the network's input: a value for each signal, then a mask for each group."""
        return len(self.names) + self.group_count

    @property
    def group_count(self) -> int:
        """How many groups there are."""
        return int(self.groups.max()) + 1

    def present(self, values: Values) -> NDArray[np.bool_]:
        """Whether there is any value of each group: (steps, signals) to (steps, groups)."""
        there = np.isfinite(values)
        return np.stack([there[:, self.groups == group].any(axis=1) for group in range(self.group_count)], axis=1)

    def check(self, values: NDArray[np.float32]) -> Values:
        """Raw values as they came, with NaN where missing. Raises InvalidInput for another shape or infinity."""
        if values.ndim != 2 or values.shape[1] != len(self.names) or values.dtype != np.float32:
            raise InvalidInput(
                f"{self.name} must be float32 of shape (steps, {len(self.names)}), not {values.dtype} {values.shape}"
            )
        if np.isinf(values).any():
            raise InvalidInput(f"{self.name} holds infinite values; send NaN for what is missing")
        return self.comparable(values)


def _physiology(values: Values) -> Values:
    found = np.where(values == MISSING, np.float32(np.nan), values)
    if (found <= 0.0).any():
        raise InvalidInput("heart rate, RMSSD and skin conductance are above 0; send NaN or 999 for what is missing")
    # RMSSD and skin conductance differ by factors between people, not by amounts.
    found[:, 1:] = np.log(found[:, 1:])
    return found


def _landmarks(values: Values) -> Values:
    """Points from the middle of the face, in units of its spread: of x for x and z, of y for y.

    What is left is the expression, the turn of the head and the posture, not where in the picture a person sits.
    A face that was not found is all 0, or NaN; so is a body.
    """
    missing = np.isnan(values)
    if (missing.any(axis=1) & ~missing.all(axis=1)).any():
        raise InvalidInput("some of a step's landmarks are NaN; send all of them, or none")
    face, body = (part.copy() for part in split_features(values))
    face_there = np.abs(face).max(axis=(1, 2)) > 0.0
    body_there = face_there & (np.abs(body).max(axis=(1, 2)) > 0.0)
    middle = face[:, :, :2].mean(axis=1, keepdims=True)
    spread = np.maximum(face[:, :, :2].std(axis=1, keepdims=True), _TINY)
    for points in (face, body):
        points[:, :, :2] = (points[:, :, :2] - middle) / spread
        points[:, :, 2] /= spread[:, :, 0]
    face[~face_there] = np.nan
    body[~body_there] = np.nan
    return join_features(face, body)


PHYSIOLOGY = Signals(
    PHYSIOLOGY_TENSOR,
    PHYSIOLOGY_NAMES,
    "beats a minute, seconds, any unit of conductance; NaN or 999 where missing",
    np.arange(len(PHYSIOLOGY_NAMES)),
    _physiology,
)
LANDMARKS = Signals(
    "landmarks",
    FEATURE_NAMES,
    "shares of the picture's width and height, as pipit.landmarks gives them; 0 where no face was found",
    np.repeat([0, 1], [468 * 3, FEATURES - 468 * 3]),
    _landmarks,
)
SIGNALS: Mapping[str, Signals] = {signals.name: signals for signals in (PHYSIOLOGY, LANDMARKS)}
