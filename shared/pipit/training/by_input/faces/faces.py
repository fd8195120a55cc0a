"""Finds the largest face of each labelled picture once, and keeps what was found by the picture's digest."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipit.data.landmark_networks import NETWORK_FILES
from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_image
from pipit.inputs.landmarks import FEATURES, SHORTER_SIDE, FaceAndBody, Found, mirror_features
from pipit.training.by_input.faces.labelled import Face
from pipit.training.cache import ArrayCache
from pipit.training.progress import Progress

VERSION = 1
"""Of what is kept; another number makes all of it anew."""


@dataclass(frozen=True, slots=True)
class Crop:
    """What is kept of a face's pixels.

    name: tells one way from another among what is kept. side: pixels, a multiple of 16. cut: from a picture, RGB, and a
    face in it to grey values from 0 to 1, (side, side).
    """

    name: str
    side: int
    cut: Callable[[NDArray[np.uint8], Found], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class FoundFace:
    """landmarks: (frames, 1536). aspect: the pictures' height over width. crop: (side, side); None for landmarks."""

    landmarks: NDArray[np.float32]
    aspect: float
    crop: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class Search:
    """found: by name. without: names of pictures with no face. problems: a line for each that can't be read."""

    found: Mapping[str, FoundFace]
    without: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FaceSamples:
    """landmarks: (n, frames, 1536), oldest first. aspect: (n,). crops: (n, side, side) or None. truth: (n,)."""

    landmarks: NDArray[np.float32]
    aspect: NDArray[np.float32]
    crops: NDArray[np.float32] | None
    truth: NDArray[np.int64]

    def mirrored(self) -> FaceSamples:
        """What mirrors would show: left and right points trade places, crops are turned round."""
        crops = None if self.crops is None else self.crops[:, :, ::-1]
        return FaceSamples(mirror_features(self.landmarks), self.aspect, crops, self.truth)


def collect(faces: Sequence[Face], found: Mapping[str, FoundFace], frames: int, labels: Sequence[str]) -> FaceSamples:
    """Stacks what was found of each. truth: positions among `labels`."""
    ordered = [found[face.name] for face in faces]
    crops = [one.crop for one in ordered if one.crop is not None]
    return FaceSamples(
        np.stack([_last_frames(one.landmarks, frames) for one in ordered]),
        np.array([one.aspect for one in ordered], np.float32),
        np.stack(crops) if len(crops) == len(ordered) else None,
        np.array([labels.index(face.label) for face in faces], np.int64),
    )


def _last_frames(rows: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """`frames` rows: the last ones of a clip, a picture again and again; for one row of a clip, its middle."""
    if frames == 1:
        middle = len(rows) // 2
        return rows[middle : middle + 1]
    if len(rows) >= frames:
        return rows[-frames:]
    return np.concatenate([np.repeat(rows[:1], frames - len(rows), axis=0), rows])


class FaceSearch:
    """Threads share the networks; those are loaded only where something is not kept yet."""

    def __init__(self, cache: ArrayCache, threads: int, crop: Crop, *, body: bool) -> None:
        self._cache = cache
        self._threads = threads
        self._crop = crop
        self._body = body
        self._networks: FaceAndBody | None = None
        self._lock = threading.Lock()

    def search(self, faces: Sequence[Face], digests: Mapping[str, str], progress: Progress) -> Search:
        """digests: of the pictures' files, by the face's name."""
        found: dict[str, FoundFace] = {}
        without, problems = [], []
        with progress.track("faces", len(faces)) as bar, ThreadPoolExecutor(self._threads) as pool:
            for face, result in zip(faces, pool.map(lambda one: self._one(one, digests), faces), strict=True):
                if isinstance(result, str):
                    problems.append(result)
                elif result is None:
                    without.append(face.name)
                else:
                    found[face.name] = result
                bar.advance()
        return Search(found, tuple(without), tuple(problems))

    def _one(self, face: Face, digests: Mapping[str, str]) -> FoundFace | str | None:
        if face.landmarks is not None:
            return FoundFace(face.landmarks, face.aspect, None) if len(face.landmarks) else None
        pixels = face.pixels
        key = {
            "faces": VERSION,
            "crop": self._crop.name,
            "networks": [file.sha256 for file in NETWORK_FILES],
            "body": self._body,
            "picture": digests[face.name] if pixels is None else hashlib.sha256(pixels.tobytes()).hexdigest(),
        }
        try:
            row = self._cache.get(key, lambda: self._look(face))
        except (InvalidInput, InputTooLarge, OSError) as error:
            return f"{face.path or face.name}: {error}"
        if not len(row):
            return None
        landmarks, crop = row[1 : 1 + FEATURES], row[1 + FEATURES :]
        return FoundFace(landmarks[np.newaxis], float(row[0]), crop.reshape(self._crop.side, self._crop.side))

    def _look(self, face: Face) -> NDArray[np.float32]:
        """Aspect, landmarks, crop; empty where there is no face."""
        if face.path is not None:
            picture = decode_image(EncodedImage(face.path.read_bytes()), shorter_side=SHORTER_SIDE)
        elif face.pixels is not None:
            picture = np.repeat(face.pixels[..., np.newaxis], 3, axis=2)
        else:
            raise InvalidInput("has neither a file nor pixels nor landmarks")
        found = self._loaded().find(picture, body=self._body)
        if not found:
            return np.zeros(0, np.float32)
        height, width = picture.shape[:2]
        crop = self._crop.cut(picture, found[0])
        return np.concatenate([[height / width], found[0].features, crop.ravel()], dtype=np.float32)

    def _loaded(self) -> FaceAndBody:
        with self._lock:
            if self._networks is None:
                self._networks = FaceAndBody.load(instances=self._threads, body=self._body)
            return self._networks
