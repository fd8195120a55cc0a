"""The five networks by the names that bundles give them, and where they lie in an environment that trains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pipit.errors import NotFound
from pipit.landmark_networks import (
    BODY_DETECTOR,
    BODY_LANDMARKS,
    FACE_DETECTOR,
    FACE_LANDMARKS,
    FAR_FACE_DETECTOR,
    FOLDER,
    NetworkFile,
)

FACE_NETWORKS: Mapping[str, NetworkFile] = {"face_detector": FACE_DETECTOR, "face_landmarks": FACE_LANDMARKS}
FAR_NETWORKS: Mapping[str, NetworkFile] = {"far_face_detector": FAR_FACE_DETECTOR}
"""Looks where the detector of `FACE_NETWORKS`, which is quicker, found no face."""
BODY_NETWORKS: Mapping[str, NetworkFile] = {"body_detector": BODY_DETECTOR, "body_landmarks": BODY_LANDMARKS}
RUNTIME: Final = "litert"


def network_paths(folder: Path | None = None, *, body: bool = True, far: bool = False) -> dict[str, Path]:
    """By name, for a bundle's `networks`. body: False leaves those out that only a body needs.

    folder: not given, the one of this environment. far: with the detector for faces far away. Raises NotFound that says
    how to get them.
    """
    folder = folder or FOLDER
    wanted = {**FACE_NETWORKS, **(FAR_NETWORKS if far else {}), **(BODY_NETWORKS if body else {})}
    missing = [file.name for file in wanted.values() if not (folder / file.name).is_file()]
    if missing:
        raise NotFound(f"{folder} lacks {', '.join(missing)}; run: python -m pipit.landmark_networks")
    return {name: folder / file.name for name, file in wanted.items()}
