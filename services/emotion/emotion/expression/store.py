"""The faces of a recipe, from the folders of its data sets to samples of one side of the split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pipit.errors import InvalidInput, NotFound
from pipit.training.cache import ArrayCache
from pipit.training.datasets import file_digests
from pipit.training.run import Run

from emotion.expression.classes import LABELS
from emotion.expression.dataset import read_dataset
from emotion.expression.faces import FaceSearch, FoundFace, Search
from emotion.expression.fit import FaceSamples
from emotion.expression.recipe import ExpressionRecipe, FaceSource
from emotion.expression.records import Face, Listing

THREADS = 2


class FaceStore:
    """Reads a data set when it is first asked for. What became of it in `prepare` is read from the run."""

    def __init__(self, recipe: ExpressionRecipe, data: Path | None) -> None:
        self._recipe = recipe
        self._data = data
        self._listings: tuple[Listing, ...] | None = None

    def files(self) -> dict[str, Path]:
        """Pictures and tables, by name."""
        files = {face.name: face.path for face in self.faces() if face.path is not None}
        for listing in self.listings():
            files |= listing.tables
        return files

    def listings(self) -> tuple[Listing, ...]:
        """One for each source of the recipe, empty for an optional one that is missing."""
        if self._listings is None:
            self._listings = tuple(self._listing(source) for source in self._recipe.data)
            counts = Counter(face.name for listing in self._listings for face in listing.faces)
            twice = [name for name, count in counts.items() if count > 1]
            if twice:
                raise InvalidInput(f"{len(twice)} faces bear a name twice, for example {twice[0]}; rename a folder")
        return self._listings

    def _listing(self, source: FaceSource) -> Listing:
        try:
            folder = source.folder(self._data)
        except NotFound:
            if not source.optional:
                raise
            return Listing((), {}, ())
        return read_dataset(folder, source.kind, source.contempt)

    def faces(self) -> tuple[Face, ...]:
        """Of all sources."""
        return tuple(face for listing in self.listings() for face in listing.faces)

    def search(self, run: Run, faces: Sequence[Face]) -> Search:
        """Looks for the face in each."""
        paths = {face.name: face.path for face in faces if face.path is not None}
        digests = file_digests(paths, run.cache / "file_digests.json")
        search = FaceSearch(ArrayCache(run.cache / "faces"), THREADS, body=self._recipe.features.body)
        return search.search(faces, digests, run.progress)

    def faces_of(self, run: Run, side: str) -> list[Face]:
        """The faces of a side as `prepare` left them."""
        by_name = {face.name: face for face in self.faces()}
        return [by_name[entry["name"]] for entry in run.read_json("prepare", "faces.json") if entry["side"] == side]

    def samples(self, run: Run, side: str) -> FaceSamples:
        """Raises InvalidInput if a file can't be read any more."""
        faces = self.faces_of(run, side)
        search = self.search(run, faces)
        lost = [*search.problems, *search.without]
        if lost:
            raise InvalidInput("pictures have changed since they were prepared:\n  " + "\n  ".join(lost))
        return collect(faces, search, self._recipe.features.frames)


def collect(faces: Sequence[Face], search: Search, frames: int) -> FaceSamples:
    """Stacks what was found."""
    found = [search.found[face.name] for face in faces]
    crops = [one.crop for one in found if one.crop is not None]
    return FaceSamples(
        np.stack([last_frames(one, frames) for one in found]),
        np.array([one.aspect for one in found], np.float32),
        np.stack(crops) if len(crops) == len(found) else None,
        np.array([LABELS.index(face.label) for face in faces], np.int64),
    )


def last_frames(found: FoundFace, frames: int) -> NDArray[np.float32]:
    """`frames` rows: the last ones of a clip, a picture again and again; for one row of a clip, its middle."""
    rows = found.landmarks
    if frames == 1:
        middle = len(rows) // 2
        return rows[middle : middle + 1]
    if len(rows) >= frames:
        return rows[-frames:]
    return np.concatenate([np.repeat(rows[:1], frames - len(rows), axis=0), rows])
