"""What a network sees of a face. The same code in the trainer and on the device; numpy alone.

    raw           the 1,536 landmark features as they are
    aligned       468 points with the eyes level and at a fixed distance, and distances between lips, eyes and brows
    aligned_crop  the same, then the face itself, upright, grey, 48 x 48

`raw` changes where a face stands elsewhere in its picture, is larger, or leans; the others do not.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.landmarks import FACE_POINTS, FEATURES, split_features

Kind = Literal["raw", "aligned", "aligned_crop"]
Values = NDArray[np.float32]

CROP = 48
"""Pixels a side; FER2013's own size."""
RIGHT_EYE, LEFT_EYE = (33, 133), (263, 362)
"""Outer and inner corner; the person's own right."""
KEY_POINTS = (
    *(61, 291, 0, 17, 13, 14, 39, 269, 181, 405, 78, 308),  # mouth
    *(33, 133, 159, 145, 263, 362, 386, 374),  # eyes
    *(70, 105, 107, 52, 300, 334, 336, 282),  # brows
    *(1, 4, 98, 327, 168, 6),  # nose
    *(152, 205, 425, 10),  # chin, cheeks, forehead
)
"""Points between which distances are taken. Each on one side has its partner on the other."""
_FIRST, _SECOND = np.triu_indices(len(KEY_POINTS), 1)
_STARTS, _ENDS = np.array(KEY_POINTS)[_FIRST], np.array(KEY_POINTS)[_SECOND]
ALIGNED = FACE_POINTS * 3 + len(_STARTS)
LEAST_DISTANCE = 1e-6


def feature_count(kind: Kind) -> int:
    """Numbers a face."""
    return {"raw": FEATURES, "aligned": ALIGNED, "aligned_crop": ALIGNED + CROP * CROP}[kind]


def make_features(kind: Kind, landmarks: Values, aspect: NDArray[np.floating] | float, crops: Values | None) -> Values:
    """landmarks: (n, 1536). aspect: height over width of the picture, (n,) or one. crops: (n, 48, 48), 0..1.

    Gives (n, feature_count(kind)). Raises InvalidInput without crops for a kind that needs them.
    """
    if kind == "raw":
        return landmarks.astype(np.float32)
    points = aligned_points(landmarks, aspect)
    distances = np.linalg.norm(points[:, _STARTS, :2] - points[:, _ENDS, :2], axis=2)
    parts = [points.reshape(len(points), -1), distances]
    if kind == "aligned_crop":
        if crops is None:
            raise InvalidInput("this bundle looks at the face itself, not at landmarks alone; send the picture")
        parts.append(crops.reshape(len(crops), -1))
    return np.concatenate(parts, axis=1, dtype=np.float32)


def aligned_points(landmarks: Values, aspect: NDArray[np.floating] | float) -> Values:
    """468 points, (n, 468, 3): the middle of the eyes at 0, the eyes level and 1 apart, z from the mean of the face.

    Where the eyes fall on one point, as in landmarks of nothing, all is 0.
    """
    face, _ = split_features(landmarks.astype(np.float64))
    points = face.copy()
    points[..., 1] *= np.broadcast_to(aspect, len(points))[:, np.newaxis]
    right = points[:, RIGHT_EYE].mean(axis=1)
    left = points[:, LEFT_EYE].mean(axis=1)
    across = (left - right)[:, :2]
    distance = np.linalg.norm(across, axis=1)
    there = distance > LEAST_DISTANCE
    cosine, sine = (across / np.where(there, distance, 1.0)[:, np.newaxis]).T
    centred = points[..., :2] - ((left + right) / 2)[:, np.newaxis, :2]
    depth = points[..., 2] - points[..., 2].mean(axis=1, keepdims=True)
    x = cosine[:, np.newaxis] * centred[..., 0] + sine[:, np.newaxis] * centred[..., 1]
    y = -sine[:, np.newaxis] * centred[..., 0] + cosine[:, np.newaxis] * centred[..., 1]
    level = np.stack([x, y, depth], axis=-1) / np.where(there, distance, 1.0)[:, np.newaxis, np.newaxis]
    return np.where(there[:, np.newaxis, np.newaxis], level, 0.0).astype(np.float32)


def grey(crop: NDArray[np.uint8]) -> Values:
    """RGB, (…, 3), to luma 0..1 (ITU-R BT.601)."""
    values: Values = (crop @ np.array([0.299, 0.587, 0.114]) / 255.0).astype(np.float32)
    return values
