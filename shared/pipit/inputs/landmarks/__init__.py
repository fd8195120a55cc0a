"""Pictures in, landmarks out: 468 points of a face and 33 of a body, by MediaPipe's networks in LiteRT.

    FaceAndBody(...).find(picture)                       one picture
    FaceAndBody(...).open_stream() -> Tracker.find(...)  pictures that follow each other

The same code runs in the trainer and on the Pi. docs/landmarks.md has the details.
"""

from pipit.inputs.landmarks.find import FaceAndBody, Found, Thresholds, Tracker, face_crop
from pipit.inputs.landmarks.layout import (
    BODY_MIRROR,
    BODY_POINT_NAMES,
    FACE_MIRROR,
    FACE_POINTS,
    FEATURE_NAMES,
    FEATURES,
    join_features,
    mirror_features,
    split_features,
)

__all__ = [
    "BODY_MIRROR",
    "BODY_POINT_NAMES",
    "FACE_MIRROR",
    "FACE_POINTS",
    "FEATURES",
    "FEATURE_NAMES",
    "FaceAndBody",
    "Found",
    "Thresholds",
    "Tracker",
    "face_crop",
    "join_features",
    "mirror_features",
    "split_features",
]
