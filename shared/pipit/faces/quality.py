"""How well a face can be compared: how large, how sharp, how far turned, how lit it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.faces.alignment import Chip, key_points

_CHEEKS = (234, 454)
_EYE_CORNERS = (33, 263)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """What a face should have. The defaults are those of enrolment; naming asks for less.

    box, eyes: pixels. sharpness: see `Quality`. yaw: degrees to either side. dark, bright: of `Quality.exposure`.
    """

    box: float = 100.0
    eyes: float = 30.0
    sharpness: float = 0.05
    yaw: float = 35.0
    dark: float = 0.15
    bright: float = 0.9

    def to_parameters(self) -> dict[str, float]:
        """As a bundle holds them."""
        return asdict(self)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> QualityLimits:
        """Raises InvalidInput for what is no number or not known."""
        known = {field.name for field in fields(cls)}
        if parameters.keys() - known:
            raise InvalidInput(
                f"the limits of quality name {', '.join(sorted(parameters.keys() - known))}; "
                f"they are {', '.join(sorted(known))}"
            )
        try:
            limits = cls(**{name: float(value) for name, value in parameters.items()})
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"a limit of quality is no number ({error}); correct the bundle's parameters") from error
        if not all(math.isfinite(value) and value >= 0 for value in limits.to_parameters().values()):
            raise InvalidInput("limits of quality must be finite and not negative; correct the bundle's parameters")
        return limits


@dataclass(frozen=True, slots=True)
class Quality:
    """Of one face.

    box: the longer side of its box, and eyes: the distance between the middles of its eyes, both in pixels of the
    full-resolution picture. sharpness: 0..1, how much of the contrast lies in the finest details that the embedder
    sees: a face that was enlarged, moved or out of focus has little. yaw: degrees that the face is turned sideways;
    positive: towards the right of the picture. exposure: 0..1, its mean grey level. score: 0..1, that of the worst of
    them; 0.5: at a limit of enrolment.
    """

    box: float
    eyes: float
    sharpness: float
    yaw: float
    exposure: float
    score: float


ENROLMENT = QualityLimits()


def measure_quality(points: NDArray[np.floating], chip: Chip, shrunk: float = 1.0) -> Quality:
    """points: of the face, shape (468, 3), in pixels of the searched picture; z in the scale of x.

    chip: the face by the template `arcface`, 112 x 112, whatever the embedder takes, so that limits mean the same for
    all. shrunk: pixels of the full-resolution picture for one of the searched.
    """
    sides = np.ptp(points[:, :2].astype(np.float64), axis=0)
    box = float(sides.max()) * shrunk
    left, right = key_points(points, ("left_eye", "right_eye"))
    eyes = math.dist(left, right) * shrunk
    yaw = yaw_degrees(points)
    grey: NDArray[np.float32] = chip.astype(np.float32) @ _LUMA / np.float32(255)
    exposure = float(grey[_FACE].mean())
    sharpness = _sharpness(grey)
    worst = min(
        _rising(box, ENROLMENT.box),
        _rising(eyes, ENROLMENT.eyes),
        _rising(sharpness, ENROLMENT.sharpness),
        _falling(abs(yaw), ENROLMENT.yaw, 90.0),
        _rising(exposure, ENROLMENT.dark),
        _falling(exposure, ENROLMENT.bright, 1.0),
    )
    return Quality(box, eyes, sharpness, yaw, exposure, worst)


def yaw_degrees(points: NDArray[np.floating]) -> float:
    """From the depth of cheeks and eye corners; positive where the face looks to the right of the picture.

    points: of the face, shape (468, 3). A face that leans to its shoulder is measured as if it did not.
    """
    angles = []
    for left, right in (_CHEEKS, _EYE_CORNERS):
        x, y, z = (points[right].astype(np.float64) - points[left].astype(np.float64)).tolist()
        angles.append(math.degrees(math.atan2(z, math.hypot(x, y))))
    return sum(angles) / len(angles)


_FACE = (slice(36, 104), slice(24, 88))
"""Rows and columns of brows to chin in a chip of 112 x 112, without what is beside the face."""


def _sharpness(grey: NDArray[np.float32]) -> float:
    """Of the finest details (what a mean over 3 x 3 pixels takes away) over that of all, as deviations."""
    smooth = sum(np.roll(grey, (down, across), (0, 1)) for down in (-1, 0, 1) for across in (-1, 0, 1)) / 9
    whole = float(grey[_FACE].std())
    return min(1.0, float((grey - smooth)[_FACE].std()) / whole) if whole > _LEAST_CONTRAST else 0.0


_LEAST_CONTRAST = 1 / 255


def _rising(value: float, limit: float) -> float:
    """0 at 0, 0.5 at the limit, 1 from twice the limit on."""
    return min(1.0, max(0.0, value / (2 * limit)))


def _falling(value: float, limit: float, nothing: float) -> float:
    """1 up to half of the limit, 0.5 at the limit, 0 from `nothing` on."""
    if value <= limit:
        return min(1.0, 1.5 - value / limit)
    return max(0.0, 0.5 * (nothing - value) / (nothing - limit))
