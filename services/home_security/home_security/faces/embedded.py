"""Vectors of the faces of pictures, as a device would make them, kept by the content that they were made from."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from pipit.faces.alignment import Chip
from pipit.faces.embedding import INPUT, OUTPUT, EmbedderSettings, rows_of, unit_vectors
from pipit.faces.finder import Face, FaceFinder
from pipit.faces.quality import Quality
from pipit.files import sha256_bytes
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_with_size
from pipit.runtimes import Runtime
from pipit.training.cache import ArrayCache

from home_security.faces.data import FacePicture
from home_security.faces.recipe import Augmentation

_VERSION = 1
"""Counts up with whatever changes vectors and is not in the key."""
QUALITIES = ("box", "eyes", "sharpness", "yaw", "exposure", "score")
"""Fields of `pipit.faces.quality.Quality`, as rows hold them."""
NO_COPIES = Augmentation(copies=0)


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """The face of one picture. vectors: itself, then its varied copies, (1 + copies, dimensions)."""

    picture: FacePicture
    vectors: NDArray[np.float32]
    quality: Quality


class Embedder:
    """Finds and embeds, or gives what is kept."""

    def __init__(
        self, finder: FaceFinder, runtime: Runtime, settings: EmbedderSettings, digest: str, cache: ArrayCache
    ) -> None:
        """digest: of the embedder."""
        self._finder, self._runtime, self._settings = finder, runtime, settings
        self._digest, self._cache = digest, cache

    def embed(self, picture: FacePicture, augmentation: Augmentation = NO_COPIES) -> Embedded | None:
        """None where no face is found. Of several, the one in the middle of the picture, else the largest."""
        data = picture.path.read_bytes()
        varied = augmentation.model_dump(mode="json") if augmentation.copies else {}
        key = {"version": _VERSION, "embedder": self._digest, "picture": sha256_bytes(data), "varied": varied}
        rows = self._cache.get({"faces": key}, lambda: self._make(EncodedImage(data), augmentation))
        if not len(rows):
            return None
        vectors, numbers = rows[:, : self._settings.dimensions], rows[0, self._settings.dimensions :]
        return Embedded(picture, vectors, Quality(*(float(number) for number in numbers)))

    def _make(self, item: EncodedImage, augmentation: Augmentation) -> NDArray[np.float32]:
        """Vectors with the qualities behind them; no rows where there is no face."""
        faces = self._finder.find(item)
        if not faces:
            return np.zeros((0, self._settings.dimensions + len(QUALITIES)), np.float32)
        face = middle_face(faces, item)
        chips = [face.chip, *vary(face.chip, augmentation, np.random.default_rng(zlib.crc32(item.data)))]
        rows = rows_of(chips, self._settings)
        vectors = unit_vectors(np.concatenate([self._runtime.run({INPUT: row[np.newaxis]})[OUTPUT] for row in rows]))
        numbers = np.array([asdict(face.quality)[name] for name in QUALITIES], np.float32)
        return np.concatenate([vectors, np.tile(numbers, (len(vectors), 1))], axis=1)


def middle_face(faces: Sequence[Face], item: EncodedImage) -> Face:
    """The largest whose box holds the picture's middle; the largest of all where none does."""
    if len(faces) == 1:
        return faces[0]
    width, height = decode_with_size(item).full_size
    for face in faces:
        box = face.box
        if box.left <= width / 2 <= box.left + box.width and box.top <= height / 2 <= box.top + box.height:
            return face
    return faces[0]


def vary(chip: Chip, augmentation: Augmentation, generator: np.random.Generator) -> list[Chip]:
    """Copies of an aligned face, turned, cut, in other light and colours."""
    copies = []
    for _ in range(augmentation.copies):
        picture = Image.fromarray(chip)
        if augmentation.flip and generator.random() < 0.5:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        turn = generator.uniform(-augmentation.rotation, augmentation.rotation)
        picture = picture.rotate(turn, Image.Resampling.BILINEAR)
        for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            by = 1.0 + generator.uniform(-augmentation.jitter, augmentation.jitter)
            picture = change(picture).enhance(by)
        share = generator.uniform(augmentation.smallest_crop, 1.0)
        width, height = share * picture.width, share * picture.height
        left, top = generator.uniform(0, picture.width - width), generator.uniform(0, picture.height - height)
        box = (left, top, left + width, top + height)
        copies.append(np.asarray(picture.resize(picture.size, Image.Resampling.BILINEAR, box=box)))
    return copies
