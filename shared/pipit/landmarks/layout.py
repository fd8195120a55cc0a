"""The 1,536 features: their order, their names, and which of them trade places in a mirror."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput

FACE_POINTS = 468
BODY_POINT_NAMES = (
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
)
"""MediaPipe's names. Left is the person's own left."""
FACE_FEATURES = FACE_POINTS * 3
BODY_FEATURES = len(BODY_POINT_NAMES) * 4
FEATURES = FACE_FEATURES + BODY_FEATURES
FEATURE_NAMES: tuple[str, ...] = (
    *(f"face_{point}_{axis}" for point in range(FACE_POINTS) for axis in "xyz"),
    *(f"{point}_{part}" for point in BODY_POINT_NAMES for part in ("x", "y", "z", "visibility")),
)
"""`face_0_x`, `face_0_y`, `face_0_z`, `face_1_x`, …, `right_foot_index_visibility`."""

_MIDLINE = frozenset({0, 1, 2, *range(4, 7), *range(8, 20), 94, 151, 152, 164, 168, 175, 195, 197, 199, 200})
"""Face points with x = 0 in MediaPipe's canonical face model."""


def _face_mirror() -> tuple[int, ...]:
    # The canonical model lists the right half and the midline first (248 vertices), then the mirror images of the
    # right half's vertices in the same order.
    right = [point for point in range(248) if point not in _MIDLINE]
    partner = {point: point for point in _MIDLINE}
    for offset, point in enumerate(right):
        partner[point], partner[248 + offset] = 248 + offset, point
    return tuple(partner[point] for point in range(FACE_POINTS))


def _body_mirror() -> tuple[int, ...]:
    def other_side(name: str) -> str:
        return name.replace("left", "-").replace("right", "left").replace("-", "right")

    return tuple(BODY_POINT_NAMES.index(other_side(name)) for name in BODY_POINT_NAMES)


FACE_MIRROR = _face_mirror()
"""For each face point, the one that takes its place in a mirrored picture. Its own inverse."""
BODY_MIRROR = _body_mirror()
"""The same for body points."""


def mirror_features(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a mirrored picture would give: left and right points trade places, x becomes 1 - x.

    features: shape (..., 1536). A body that was not found (all 0) stays 0. Its own inverse, but for rounding.
    Raises InvalidInput for another shape.
    """
    face, body = split_features(features)
    mirrored_face = face[..., FACE_MIRROR, :]
    mirrored_body = body[..., BODY_MIRROR, :]
    mirrored_face[..., 0] = 1 - mirrored_face[..., 0]
    there = np.abs(body).max(axis=(-1, -2))[..., np.newaxis] > 0
    mirrored_body[..., 0] = np.where(there, 1 - mirrored_body[..., 0], 0)
    return join_features(mirrored_face, mirrored_body)


def split_features(features: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Views of shape (..., 468, 3) and (..., 33, 4). Raises InvalidInput for another shape than (..., 1536)."""
    if not features.ndim or features.shape[-1] != FEATURES:
        raise InvalidInput(f"landmark features must have the shape (..., {FEATURES}), not {features.shape}")
    leading: Sequence[int] = features.shape[:-1]
    face = features[..., :FACE_FEATURES].reshape(*leading, FACE_POINTS, 3)
    body = features[..., FACE_FEATURES:].reshape(*leading, len(BODY_POINT_NAMES), 4)
    return face, body


def join_features(face: NDArray[np.float32], body: NDArray[np.float32]) -> NDArray[np.float32]:
    """The inverse of `split_features`."""
    leading = face.shape[:-2]
    return np.concatenate([face.reshape(*leading, FACE_FEATURES), body.reshape(*leading, BODY_FEATURES)], axis=-1)
