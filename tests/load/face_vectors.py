"""Pictures of people to vectors by each embedder, kept in a folder so that comparisons need them once."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from home_security.faces.centres import CENTRES
from home_security.faces.networks import Embedder, Wanted, make_embedder
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from pipit.faces.alignment import Chip, ChipTemplate, Similarity, cut_chip, similarity_to
from pipit.faces.embedding import INPUT, OUTPUT, rows_of, unit_vectors
from pipit.inputs import EncodedImage
from pipit.landmarks import FaceAndBody
from pipit.runtimes.onnx import OnnxRuntime

EMBEDDERS = ("dlib", "mobilefacenet", "pixels")
COPIES = 4
"""Varied ones of each enrolment picture."""
CROWD = 1000
"""Pictures of strangers of another data set, FER2013, of whom nothing is known but that they are many."""
KNOWN, UNKNOWN = "known", "unknown"
_SPLIT_SEED = "home_security.faces 1"
DEVELOPMENT = {KNOWN: 20, UNKNOWN: 50}
"""People. All others test."""
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Of the folder `faces`, in order. Arrays: (pictures,). index: of a person's pictures, from 0."""

    paths: Sequence[Path]
    people: NDArray[np.str_]
    roles: NDArray[np.str_]
    index: NDArray[np.int64]
    development: NDArray[np.bool_]


def list_pictures(folder: Path) -> Pictures:
    """By `split.csv`, whose enrolment pictures come first. People are divided by a seeded digest of their names."""
    with (folder / "split.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: (row["person"], row["role"] != "enrol", row["filename"]))
    people = np.array([row["person"] for row in rows])
    roles = np.array([UNKNOWN if row["role"] == "unknown" else KNOWN for row in rows])
    index = np.array([int((people[:place] == person).sum()) for place, person in enumerate(people)])
    chosen: set[str] = set()
    for role, count in DEVELOPMENT.items():
        names = sorted(set(people[roles == role].tolist()), key=_order)
        chosen |= set(names[:count])
    return Pictures([folder / row["filename"] for row in rows], people, roles, index, np.isin(people, sorted(chosen)))


def _order(name: str) -> str:
    return hashlib.sha256(f"{_SPLIT_SEED}/{name}".encode()).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Of one embedder. Arrays by condition: (pictures, dimensions), NaN where no face was found.

    `aligned`; `mirrored`: the face and its mirror image added; `fixed`: not aligned, one upright crop for all pictures,
    where a face is on average in development; `not centred`: aligned, the space's centre not taken off.
    copies: (pictures, COPIES, dimensions), aligned, of enrolment pictures. crowd: (faces, dimensions), aligned, of
    another data set's strangers.
    """

    name: str
    conditions: Mapping[str, Vectors]
    copies: Vectors
    crowd: Vectors


def embed_all(pictures: Pictures, data: Path, folder: Path) -> dict[str, Embedded]:
    """By embedder; what lies in `folder` is not computed again."""
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Embedded] = {}
    missing = [name for name in EMBEDDERS if not (folder / f"{name}.npz").is_file()]
    if missing:
        networks = FaceAndBody.load(body=False)
        meshes, copied = _search_all(networks, pictures)
        strangers = search_crowd(networks, data, CROWD)
        networks.close()
        for name in missing:
            embedder = make_embedder(name, Wanted(data), centred=False)
            embedded = _embed(embedder, pictures, meshes, copied, strangers, folder)
            np.savez(folder / f"{name}.npz", copies=embedded.copies, crowd=embedded.crowd, **embedded.conditions)
    for name in EMBEDDERS:
        with np.load(folder / f"{name}.npz") as file:
            arrays = {key: file[key] for key in file.files}
        found[name] = Embedded(name, arrays, arrays.pop("copies"), arrays.pop("crowd"))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """points: of the largest face, (468, 3); None where there is none."""

    pixels: Chip
    points: NDArray[np.float32] | None


def _search_all(networks: FaceAndBody, pictures: Pictures) -> tuple[list[Searched], dict[tuple[int, int], Searched]]:
    whole, copies = [], {}
    for place, path in enumerate(pictures.paths):
        whole.append(search(networks, EncodedImage(path.read_bytes())))
        if pictures.roles[place] == KNOWN:
            for copy in range(COPIES):
                generator = np.random.default_rng([place, copy])
                copies[place, copy] = search(networks, EncodedImage(varied(path, generator)))
    return whole, copies


def search_crowd(networks: FaceAndBody, data: Path, most: int) -> list[Searched]:
    """Of so many pictures that a seed draws from the training part of `expressions/fer2013`, those with a face."""
    files = sorted((data / "expressions" / "fer2013" / "train").glob("*/*.jpg"))
    chosen = np.random.default_rng(0).permutation(len(files))[:most]
    found = [search(networks, EncodedImage(files[place].read_bytes())) for place in chosen]
    return [face for face in found if face.points is not None]


def search(networks: FaceAndBody, item: EncodedImage) -> Searched:
    searched = networks.open_stream(None, body=False).find_encoded(item, 0.0)
    return Searched(searched.pixels, searched.found[0].face.points if searched.found else None)


def varied(path: Path, generator: np.random.Generator) -> bytes:
    """The guide's augmentation, at 160 px.

    Mirrored or not, turned by up to 15 degrees, brightness and contrast by up to 0.2, a part of 0.8 to 1.0 of the side.
    """
    image = Image.open(path).convert("RGB")
    if generator.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image = image.rotate(float(generator.uniform(-15, 15)), Image.Resampling.BICUBIC)
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast):
        image = enhance(image).enhance(float(generator.uniform(0.8, 1.2)))
    side = float(generator.uniform(0.8, 1.0)) * image.width
    left, top = generator.uniform(0, image.width - side, 2)
    image = image.resize((160, 160), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))
    return encode(np.asarray(image), "PNG").data


def encode(pixels: Chip, kind: str) -> EncodedImage:
    """kind: as Pillow names it."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return EncodedImage(file.getvalue())


def _embed(
    embedder: Embedder,
    pictures: Pictures,
    whole: Sequence[Searched],
    copied: Mapping[tuple[int, int], Searched],
    strangers: Sequence[Searched],
    folder: Path,
) -> Embedded:
    template = embedder.settings.chip
    centre = np.array(CENTRES.get(embedder.settings.name, (0.0,)), np.float32)

    def centred(raw: Vectors) -> Vectors:
        """As the network itself does, where it is made to."""
        return unit_vectors(unit_vectors(raw) - centre)

    found = [(place, one, one.points) for place, one in enumerate(whole) if one.points is not None]
    places = [place for place, _, _ in found]
    own = [similarity_to(template, points) for _, _, points in found]
    mean = _mean([one for one, place in zip(own, places, strict=True) if pictures.development[place]])
    with ask_embedder(embedder, folder) as ask:
        aligned = [cut(one.pixels, similarity, template) for (_, one, _), similarity in zip(found, own, strict=True)]
        fixed = [cut(one.pixels, mean, template) for one in whole]
        plain, mirrored = ask(aligned), ask([chip[:, ::-1] for chip in aligned])
        conditions = {
            "aligned": _spread(centred(plain), places, len(whole)),
            "mirrored": _spread(centred(plain + mirrored), places, len(whole)),
            "fixed": centred(ask(fixed)),
            "not centred": _spread(unit_vectors(plain), places, len(whole)),
        }
        seen = [(key, face) for key, face in copied.items() if face.points is not None]
        vectors = centred(ask(aligned_chips([face for _, face in seen], template)))
        crowd = centred(ask(aligned_chips(strangers, template)))
    copies = np.full((len(whole), COPIES, embedder.settings.dimensions), np.nan, np.float32)
    for (key, _), vector in zip(seen, vectors, strict=True):
        copies[key] = vector
    return Embedded(embedder.settings.name, conditions, copies, crowd)


def cut(pixels: Chip, similarity: Similarity, template: ChipTemplate) -> Chip:
    return cut_chip(pixels, similarity, template.width, template.height)


def aligned_chips(faces: Sequence[Searched], template: ChipTemplate) -> list[Chip]:
    """Of those that have a face."""
    pairs = [(face.pixels, face.points) for face in faces if face.points is not None]
    return [cut(pixels, similarity_to(template, points), template) for pixels, points in pairs]


def _mean(similarities: Sequence[Similarity]) -> Similarity:
    """Upright, of mean size and place."""
    scale, right, down = np.mean([(one.scale, one.right, one.down) for one in similarities], axis=0)
    return Similarity(float(scale), 0.0, float(right), float(down))


def _spread(vectors: Vectors, places: Sequence[int], count: int) -> Vectors:
    whole = np.full((count, vectors.shape[1]), np.nan, np.float32)
    whole[list(places)] = vectors
    return whole


class Ask:
    def __init__(self, embedder: Embedder, runtime: OnnxRuntime) -> None:
        self._settings, self._runtime = embedder.settings, runtime

    def __call__(self, chips: Sequence[Chip]) -> Vectors:
        rows = [
            self._runtime.run({INPUT: rows_of(chips[at : at + 16], self._settings)})[OUTPUT]
            for at in range(0, len(chips), 16)
        ]
        return np.concatenate(rows)


@contextmanager
def ask_embedder(embedder: Embedder, folder: Path) -> Iterator[Ask]:
    path = folder / f"{embedder.settings.name}.onnx"
    embedder.write(path)
    runtime = OnnxRuntime(path)
    yield Ask(embedder, runtime)
    runtime.close()
