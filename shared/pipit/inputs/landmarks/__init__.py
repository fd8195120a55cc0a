"""Pictures in, landmarks out: 468 points of a face and 33 of a body, by MediaPipe's networks in LiteRT.

    FaceAndBody(networks)                    of a bundle, opened; FaceAndBody.load() in an environment that trains
      .find(picture)                         one picture
      .open_stream() -> Tracker.find(...)    pictures that follow each other

The same code runs in the trainer and on the Pi. docs/landmarks.md has the details.
"""

from pipit.inputs.landmarks.find import SHORTER_SIDE, FaceAndBody, Found, Searched, Thresholds, Tracker, face_crop
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
    "SHORTER_SIDE",
    "FaceAndBody",
    "Found",
    "Searched",
    "Thresholds",
    "Tracker",
    "face_crop",
    "join_features",
    "mirror_features",
    "split_features",
]
