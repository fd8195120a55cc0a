"""Where dlib's network for faces lies, and what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipit.data.sources import BACKBONES_FOLDER

FILE: Final = Path(BACKBONES_FOLDER) / "dlib_faces" / "dlib_face_recognition_resnet_model_v1.dat"
SHA256: Final = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
