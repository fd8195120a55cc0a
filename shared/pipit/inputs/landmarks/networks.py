"""Where the four networks lie."""

from __future__ import annotations

import sys
from pathlib import Path

from pipit.data.landmark_networks import NETWORK_FILES, NetworkFile
from pipit.errors import NotFound
from pipit.settings import Settings, load_settings


class LandmarkSettings(Settings):
    """The networks that find faces and bodies."""

    landmarks: Path = Path(sys.prefix) / "share" / "pipit" / "landmarks"
    """Folder with the four .tflite files. Not set: in the environment that runs."""
    landmarks_wheel: str | None = None
    """File, folder or URL of mediapipe's wheel, which they are taken from. Not set: the index that pip uses."""


def network_paths(folder: Path | None = None) -> dict[NetworkFile, Path]:
    """folder: not given, the one that the settings name. Raises NotFound that says how to get them."""
    folder = folder or load_settings(LandmarkSettings).landmarks
    paths = {file: folder / file.name for file in NETWORK_FILES}
    missing = [file.name for file, path in paths.items() if not path.is_file()]
    if missing:
        raise NotFound(
            f"{folder} lacks {', '.join(missing)}; run: python -m pipit.data.landmark_networks "
            "(PIPIT_LANDMARKS names another folder)"
        )
    return paths
