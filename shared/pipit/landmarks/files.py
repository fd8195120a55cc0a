"""Landmark files: what was found in a folder of pictures and videos. docs/landmarks.md describes the format.

One row a face, in the order of `source`, then of time, then largest first; one line of `sources` a picture or video.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput, NotFound
from pipit.files import open_atomically
from pipit.landmarks.layout import FEATURE_NAMES, FEATURES, split_features

FORMAT = "pipit landmarks 1"
BOX_NAMES = ("left", "top", "width", "height")


@dataclass(frozen=True, slots=True)
class Sources:
    """Every picture and video that was searched, whether or not a face was found. All arrays have one length.

    file: path below the folder, with "/". size: bytes. modified: nanoseconds since 1970. pictures: 1, or the frames
    that were looked at. empty: of these, those without a face. problem: why it can't be read, "" where it can.
    """

    file: NDArray[np.str_]
    size: NDArray[np.int64]
    modified: NDArray[np.int64]
    pictures: NDArray[np.int32]
    empty: NDArray[np.int32]
    problem: NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class LandmarkTable:
    """All arrays but those of `sources` have one row a face.

    features: float32, (rows, 1536), named by FEATURE_NAMES. source: index into `sources`. seconds: from the start of
    a video, NaN for a picture. face: 0 for the largest of its picture. presence, body_presence: 0..1.
    box: float32, (rows, 4), pixels: left, top, width, height. options: how it was made.
    """

    features: NDArray[np.float32]
    source: NDArray[np.int32]
    seconds: NDArray[np.float64]
    face: NDArray[np.int32]
    presence: NDArray[np.float32]
    body_presence: NDArray[np.float32]
    box: NDArray[np.float32]
    sources: Sources
    options: dict[str, Any]

    @property
    def file(self) -> NDArray[np.str_]:
        """Each row's picture or video."""
        return self.sources.file[self.source]

    @property
    def without_face(self) -> list[str]:
        """Pictures and videos in which no face was found at all."""
        good = self.sources.problem == ""
        return sorted(self.sources.file[good & (self.sources.empty == self.sources.pictures)].tolist())

    @property
    def problems(self) -> dict[str, str]:
        """What can't be read, and why."""
        bad = self.sources.problem != ""
        return dict(zip(self.sources.file[bad].tolist(), self.sources.problem[bad].tolist(), strict=True))


_ROWS = tuple(field.name for field in fields(LandmarkTable) if field.name not in ("sources", "options"))
_SOURCES = tuple(field.name for field in fields(Sources))
_DTYPES: dict[str, Any] = {
    "features": np.float32,
    "source": np.int32,
    "seconds": np.float64,
    "face": np.int32,
    "presence": np.float32,
    "body_presence": np.float32,
    "box": np.float32,
    "source_file": np.str_,
    "source_size": np.int64,
    "source_modified": np.int64,
    "source_pictures": np.int32,
    "source_empty": np.int32,
    "source_problem": np.str_,
}
_SHAPES = {"features": (FEATURES,), "box": (len(BOX_NAMES),)}


def write_landmarks(path: Path, table: LandmarkTable) -> None:
    """Puts the table in the place of `path`, whole or not at all. Raises Unavailable if the disk is full."""
    arrays: dict[str, Any] = {
        "format": np.array(FORMAT),
        "options": np.array(json.dumps(table.options, sort_keys=True)),
        "feature_names": np.array(FEATURE_NAMES),
        "box_names": np.array(BOX_NAMES),
    }
    arrays |= {name: getattr(table, name) for name in _ROWS}
    arrays |= {f"source_{name}": getattr(table.sources, name) for name in _SOURCES}
    with open_atomically(path) as stream:
        np.savez(stream, **arrays)


def read_landmarks(path: Path) -> LandmarkTable:
    """Raises NotFound if there is none, InvalidInput if it is no landmark file or one of another layout."""
    try:
        with path.open("rb") as stream:
            arrays = np.load(stream, allow_pickle=False)
            if not isinstance(arrays, np.lib.npyio.NpzFile) or str(arrays.get("format", "")) != FORMAT:
                raise InvalidInput(f"{path} is not a landmark file; make one by: pipit data landmarks")
            if tuple(arrays["feature_names"].tolist()) != FEATURE_NAMES:
                raise InvalidInput(f"{path} has other features than this version of Pipit; make it anew")
            options = json.loads(str(arrays["options"]))
            columns = {name: arrays[name] for name in _DTYPES}
    except FileNotFoundError as error:
        raise NotFound(f"there is no landmark file {path}; make one by: pipit data landmarks") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidInput(f"{path} is not a landmark file, or is damaged; make it anew") from error
    _check(path, columns)
    sources = Sources(**{name: columns[f"source_{name}"] for name in _SOURCES})
    return LandmarkTable(**{name: columns[name] for name in _ROWS}, sources=sources, options=options)


def join_tables(tables: Sequence[LandmarkTable]) -> LandmarkTable:
    """All rows of tables of the same options; their sources must differ. Sorted by file."""
    sources = Sources(**{name: np.concatenate([getattr(t.sources, name) for t in tables]) for name in _SOURCES})
    offsets = np.cumsum([0, *(len(table.sources.file) for table in tables[:-1])])
    rows = {name: np.concatenate([getattr(table, name) for table in tables]) for name in _ROWS}
    source = np.concatenate([table.source + offset for table, offset in zip(tables, offsets, strict=True)])
    order = np.argsort(sources.file, kind="stable")
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order))
    rows["source"] = place[source]
    by_source = np.argsort(rows["source"], kind="stable")
    return LandmarkTable(
        **{name: values[by_source] for name, values in rows.items()},
        sources=Sources(**{name: getattr(sources, name)[order] for name in _SOURCES}),
        options=tables[0].options,
    )


def keep_sources(table: LandmarkTable, wanted: NDArray[np.bool_]) -> LandmarkTable:
    """The rows and lines of those sources alone. wanted: one value a source."""
    rows = wanted[table.source]
    place = np.cumsum(wanted, dtype=np.int32) - 1
    kept = {name: getattr(table, name)[rows] for name in _ROWS}
    kept["source"] = place[kept["source"]]
    sources = Sources(**{name: getattr(table.sources, name)[wanted] for name in _SOURCES})
    return LandmarkTable(**kept, sources=sources, options=table.options)


def _check(path: Path, columns: dict[str, NDArray[Any]]) -> None:
    for name, dtype in _DTYPES.items():
        group = "source_file" if name.startswith("source_") else "features"
        expected = (len(columns[group]) if columns[group].ndim else 0, *_SHAPES.get(name, ()))
        if columns[name].shape != expected or not np.issubdtype(columns[name].dtype, dtype):
            found = f"{columns[name].dtype} of shape {columns[name].shape}"
            raise InvalidInput(f"{path}: {name} must be {np.dtype(dtype)} of shape {expected}, not {found}")
    source = columns["source"]
    if len(source) and not (source.min() >= 0 and source.max() < len(columns["source_file"])):
        raise InvalidInput(f"{path}: source points to files that are not listed; make it anew")


def aspect_ratios(features: NDArray[np.float32], box: NDArray[np.float32]) -> NDArray[np.float64]:
    """Width over height of the pictures that rows of a table come from; 1 where a face is no larger than a point."""
    # The box is in pixels, the points are parts of the picture's sides: what is left is the picture's shape.
    points, _ = split_features(features)
    parts = np.ptp(points[..., :2].astype(np.float64), axis=1)
    pixels = box[:, 2:].astype(np.float64)
    there = (parts > 0).all(axis=1) & (pixels > 0).all(axis=1)
    width, height = (pixels / np.where(parts > 0, parts, 1.0)).T
    ratios: NDArray[np.float64] = np.where(there, width / np.where(there, height, 1.0), 1.0)
    return ratios
