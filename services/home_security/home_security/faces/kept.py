"""What a run keeps of faces: vectors of everybody, and the classifiers of who is to be known.

Both are personal data of the pictures' people. They stay in the run's folder, and no part of them that is of a known
person goes into a bundle.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipit.faces.svm import SvmSettings, fit_svm
from pipit.files import write_atomically

from home_security.faces.data import ENROL, FacePicture
from home_security.faces.embedded import QUALITIES, Embedded
from home_security.faces.trials import FaceSet

VECTORS, KNOWN_PEOPLE = "vectors.npz", "known.npz"


@dataclass(frozen=True, slots=True, eq=False)
class KeptFaces:
    """Rows of vectors, and what they are of.

    vectors: (rows, dimensions). names: of their pictures. copy: 0 for the picture itself, then its varied copies.
    qualities: (rows, `QUALITIES`). seen, seen_people: of every picture, whether it has a face, and whose.
    """

    vectors: NDArray[np.float32]
    names: NDArray[np.str_]
    people: NDArray[np.str_]
    enrols: NDArray[np.bool_]
    copy: NDArray[np.int64]
    qualities: NDArray[np.float32]
    seen: NDArray[np.bool_]
    seen_people: NDArray[np.str_]

    def face_set(self, *, copies: bool) -> FaceSet:
        """copies: with the varied ones."""
        chosen = np.ones(len(self.vectors), bool) if copies else self.copy == 0
        return FaceSet(self.vectors[chosen], self.people[chosen], self.enrols[chosen])

    def probe_qualities(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Of the pictures of some people that probe, in the order of `face_set`."""
        return self.qualities[np.isin(self.people, list(names)) & ~self.enrols]

    def vector_of(self, name: str) -> NDArray[np.float32] | None:
        """Of the picture `name`; None where no face was found in it."""
        rows = np.flatnonzero((self.names == name) & (self.copy == 0))
        return self.vectors[rows[0]] if len(rows) else None

    def save(self, folder: Path) -> None:
        """Writes `vectors.npz`."""
        _save(folder / VECTORS, {field: getattr(self, field) for field in self.__dataclass_fields__})


def keep_faces(pictures: Sequence[FacePicture], found: Sequence[Embedded | None]) -> KeptFaces:
    """found: of each picture, in their order."""
    faces = [one for one in found if one is not None]
    counts = [len(one.vectors) for one in faces]
    return KeptFaces(
        vectors=np.concatenate([one.vectors for one in faces]),
        names=np.repeat(np.array([one.picture.name for one in faces]), counts),
        people=np.repeat(np.array([one.picture.person for one in faces]), counts),
        enrols=np.repeat(np.array([one.picture.role == ENROL for one in faces]), counts),
        copy=np.concatenate([np.arange(count) for count in counts]),
        qualities=np.repeat(np.array([[getattr(one.quality, name) for name in QUALITIES] for one in faces]), counts, 0),
        seen=np.array([one is not None for one in found]),
        seen_people=np.array([picture.person for picture in pictures]),
    )


def read_faces(folder: Path) -> KeptFaces:
    """What `KeptFaces.save` wrote."""
    with np.load(folder / VECTORS, allow_pickle=False) as stored:
        return KeptFaces(**{name: stored[name] for name in stored.files})


def write_known(folder: Path, faces: FaceSet, cohort: NDArray[np.float32], settings: SvmSettings) -> int:
    """Fits the guide's classifiers for everybody who enrols; writes `known.npz`. Gives how many there are.

    people: (classes,). weights, intercepts: the support vector machine. vectors, classes: what it was fitted on.
    """
    enrolling = faces.of(faces.enrols)
    people = enrolling.names
    classes = np.searchsorted(np.array(people), enrolling.people)
    svm = fit_svm(
        np.concatenate([enrolling.vectors, cohort]),
        np.concatenate([classes, np.full(len(cohort), -1)]),
        len(people),
        settings,
    )
    arrays: dict[str, NDArray[Any]] = {
        "people": np.array(people),
        "weights": svm.weights,
        "intercepts": svm.intercepts,
        "vectors": enrolling.vectors,
        "classes": classes,
    }
    _save(folder / KNOWN_PEOPLE, arrays)
    return len(people)


def _save(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_atomically(path, buffer.getvalue())
