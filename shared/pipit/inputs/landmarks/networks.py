"""The four networks by the names that bundles give them, and where they lie in an environment that trains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pipit.data.landmark_networks import (
    BODY_DETECTOR,
    BODY_LANDMARKS,
    FACE_DETECTOR,
    FACE_LANDMARKS,
    FOLDER,
    NetworkFile,
)
from pipit.errors import NotFound
from pipit.settings import Settings

FACE_NETWORKS: Mapping[str, NetworkFile] = {"face_detector": FACE_DETECTOR, "face_landmarks": FACE_LANDMARKS}
BODY_NETWORKS: Mapping[str, NetworkFile] = {"body_detector": BODY_DETECTOR, "body_landmarks": BODY_LANDMARKS}
RUNTIME: Final = "litert"


class LandmarkSettings(Settings):
    """The networks that find faces and bodies."""

    landmarks_wheel: str | None = None
    """File, folder or URL of mediapipe's wheel, which they are taken from. Not set: the index that pip uses."""


def network_paths(folder: Path | None = None, *, body: bool = True) -> dict[str, Path]:
    """By name, for a bundle's `networks`. body: False leaves those out that only a body needs.

    folder: not given, the one of this environment. Raises NotFound that says how to get them.
    """
    folder = folder or FOLDER
    wanted = {**FACE_NETWORKS, **(BODY_NETWORKS if body else {})}
    missing = [file.name for file in wanted.values() if not (folder / file.name).is_file()]
    if missing:
        raise NotFound(f"{folder} lacks {', '.join(missing)}; run: python -m pipit.data.landmark_networks")
    return {name: folder / file.name for name, file in wanted.items()}
