"""Landmark files as what they hold: videos, whose faces have a time, and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from pipit.errors import InvalidInput
from pipit.inputs import Landmarks
from pipit.inputs.landmarks import FEATURES
from pipit.inputs.landmarks.files import LandmarkTable, aspect_ratios, read_landmarks


@dataclass(frozen=True)
class Recording:
    """name: of the video, or of the folder of pictures. items: with their seconds in a video, else None."""

    name: str
    items: tuple[tuple[Landmarks, float | None], ...]


@dataclass(frozen=True)
class LandmarkFile:
    """The largest face of each picture. pictures: with their names; None where no face was found."""

    videos: tuple[Recording, ...]
    pictures: tuple[tuple[str, Landmarks | None], ...]

    def folders(self) -> Iterator[Recording]:
        """Pictures of a folder as a recording, in the order of their names; a face that was not found is all 0."""
        by_folder: dict[str, list[tuple[Landmarks, float | None]]] = {}
        nobody = Landmarks(np.zeros(FEATURES, np.float32))
        for name, item in sorted(self.pictures, key=lambda entry: entry[0]):
            by_folder.setdefault(PurePosixPath(name).parent.as_posix(), []).append((item or nobody, None))
        for name, items in by_folder.items():
            yield Recording(name, tuple(items))


def read_recordings(path: Path) -> LandmarkFile:
    """A file that `pipit data landmarks` made. Raises NotFound; InvalidInput for another file, or one without faces."""
    table = read_landmarks(path)
    ratios = aspect_ratios(table.features, table.box)
    videos, pictures = [], []
    for source, name in enumerate(table.sources.file.tolist()):
        rows = np.flatnonzero((table.source == source) & (table.face == 0)).tolist()
        if table.sources.problem[source]:
            continue
        items = tuple((_landmarks(table, row, float(ratios[row])), _seconds(table, row)) for row in rows)
        if table.sources.pictures[source] > 1 or any(seconds is not None for _, seconds in items):
            videos.append(Recording(name, items))
        else:
            pictures.append((name, items[0][0] if items else None))
    if not len(table.features):
        raise InvalidInput(f"{path} holds no face: none was found in {len(table.sources.file)} files")
    return LandmarkFile(tuple(videos), tuple(pictures))


def _landmarks(table: LandmarkTable, row: int, aspect_ratio: float) -> Landmarks:
    return Landmarks(table.features[row], aspect_ratio)


def _seconds(table: LandmarkTable, row: int) -> float | None:
    seconds = float(table.seconds[row])
    return None if np.isnan(seconds) else seconds
