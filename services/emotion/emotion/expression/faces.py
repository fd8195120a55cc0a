"""Finds the largest face of each labelled picture once, and keeps what was found by the picture's digest."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pipit.data.landmark_networks import NETWORK_FILES
from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_image
from pipit.inputs.landmarks import FEATURES, SHORTER_SIDE, FaceAndBody, face_crop
from pipit.training.cache import ArrayCache
from pipit.training.progress import Progress

from emotion.expression.features import CROP, grey
from emotion.expression.records import Face

VERSION = 1
"""Of what is kept; another number makes all of it anew."""


@dataclass(frozen=True, slots=True)
class FoundFace:
    """landmarks: (frames, 1536). aspect: the pictures' height over width. crop: (48, 48), 0..1; None for landmarks."""

    landmarks: NDArray[np.float32]
    aspect: float
    crop: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class Search:
    """found: by name. without: names of pictures with no face. problems: a line for each that can't be read."""

    found: Mapping[str, FoundFace]
    without: tuple[str, ...]
    problems: tuple[str, ...]


class FaceSearch:
    """Threads share the networks; those are loaded only where something is not kept yet."""

    def __init__(self, cache: ArrayCache, threads: int, *, body: bool) -> None:
        self._cache = cache
        self._threads = threads
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
            "kind": "emotion face",
            "version": VERSION,
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
        return FoundFace(landmarks[np.newaxis], float(row[0]), crop.reshape(CROP, CROP))

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
        crop = grey(face_crop(picture, found[0], CROP))
        return np.concatenate([[height / width], found[0].features, crop.ravel()], dtype=np.float32)

    def _loaded(self) -> FaceAndBody:
        with self._lock:
            if self._networks is None:
                self._networks = FaceAndBody.load(instances=self._threads, body=self._body)
            return self._networks
