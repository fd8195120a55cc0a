"""Where the four networks lie, and what they are."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from pipit.errors import NotFound
from pipit.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class ModelFile:
    """member: its path in the wheel. size: bytes. sha256: hexadecimal."""

    name: str
    member: str
    size: int
    sha256: str


FACE_DETECTOR = ModelFile(
    "face_detection_short_range.tflite",
    "mediapipe/modules/face_detection/face_detection_short_range.tflite",
    229_714,
    "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
)
FACE_LANDMARKS = ModelFile(
    "face_landmark.tflite",
    "mediapipe/modules/face_landmark/face_landmark.tflite",
    1_242_398,
    "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
)
BODY_DETECTOR = ModelFile(
    "pose_detection.tflite",
    "mediapipe/modules/pose_detection/pose_detection.tflite",
    2_959_046,
    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
)
BODY_LANDMARKS = ModelFile(
    "pose_landmark_full.tflite",
    "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
    6_440_512,
    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
)
MODEL_FILES = (FACE_DETECTOR, FACE_LANDMARKS, BODY_DETECTOR, BODY_LANDMARKS)
"""MediaPipe's networks, Apache-2.0: https://github.com/google-ai-edge/mediapipe."""


class LandmarkSettings(Settings):
    """Where the networks that find faces and bodies lie, and where they come from."""

    landmarks: Path = Path(sys.prefix) / "share" / "pipit" / "landmarks"
    """Folder with the four .tflite files. Not set: in the environment that runs."""
    landmarks_wheel: str | None = None
    """Where the wheel is taken from: a file, a folder that holds it, or a URL. Not set: the index that pip uses."""


def model_paths(folder: Path | None = None) -> dict[ModelFile, Path]:
    """folder: not given, the one that the settings name. Raises NotFound that says how to get the files."""
    folder = folder or load_settings(LandmarkSettings).landmarks
    paths = {file: folder / file.name for file in MODEL_FILES}
    missing = [file.name for file, path in paths.items() if not path.is_file()]
    if missing:
        raise NotFound(
            f"{folder} lacks {', '.join(missing)}; get them by: python -m pipit.inputs.landmarks.install "
            "(PIPIT_LANDMARKS names another folder)"
        )
    return paths
