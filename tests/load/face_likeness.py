"""How alike faces are, for the limits of enrolment: copies, pictures of one person, and of others.

    PIPIT_DATA=… python tests/load/face_likeness.py FOLDER

FOLDER keeps the vectors, as of `compare_faces.py`, which says how people are divided. Likeness is counted from that of
the strangers of a cohort on: for dlib's network 300 faces of a crowd, as its recipe takes; for MobileFaceNet
development's unknown people. Quantiles are of development's known people; what the limits refuse is of test's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from face_vectors import KNOWN, Pictures, aligned_chips, ask_embedder, embed_all, encode, list_pictures, search
from home_security.faces.centres import CENTRES
from home_security.faces.networks import Wanted, make_embedder
from home_security.faces.recipe import FacesRecipe
from home_security.faces.task import FacesTrainer
from measure import write_csv
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from pipit.faces.embedding import unit_vectors
from pipit.faces.likeness import Likeness, mean_cosine
from pipit.landmarks import FaceAndBody
from pipit.settings import DataSettings, load_settings
from pipit.training.recipe import find_recipe, load_recipe

TASK = "home_security.faces"
CROWD = 300
ENROLLED = 4
"""Pictures of a person; one more of somebody else is put among them."""
Row = dict[str, object]
Vectors = NDArray[np.float32]


def main() -> None:
    """Prints and writes docs/measured/faces_likeness.csv."""
    data = load_settings(DataSettings).data
    if data is None or len(sys.argv) != 2:
        sys.exit(f"set PIPIT_DATA, and name a folder for vectors\n\n{__doc__}")
    folder = Path(sys.argv[1])
    pictures = list_pictures(data / "faces")
    rows = []
    for name, embedded in embed_all(pictures, data, folder).items():
        if name == "pixels":
            continue
        vectors = embedded.conditions["aligned"]
        found = ~np.isnan(vectors[:, 0])
        strangers = vectors[pictures.development & found & (pictures.roles != KNOWN)]
        cohort = embedded.crowd[:CROWD] if name == "dlib" else strangers
        limits = load_recipe(find_recipe(FacesTrainer.recipe_folder, TASK, name), FacesRecipe).likeness.limits()
        likeness = replace(limits, strangers=mean_cosine(cohort))
        chosen = people_of(pictures, vectors, development=True)
        copies = changed_copies(name, pictures, vectors, data, folder)
        rows += [
            {"embedder": name, "what": "cosine of two strangers, mean", "value": round(likeness.strangers, 3)},
            quantile(name, "a picture and a copy: 5 in 100 are under", likeness.of(copies), 0.05),
            quantile(name, "two pictures of one person: the highest", likeness.of(within(chosen)), 1.0),
            quantile(name, "a picture and the person's others: 5 in 100 are under", likeness.of(own(chosen)), 0.05),
            quantile(name, "a picture and another person's: 1 in 100 is over", likeness.of(others(chosen)), 0.99),
            quantile(name, "a picture and the likeliest other: 1 in 100 is over", likeness.of(likeliest(chosen)), 0.99),
            *refused(name, people_of(pictures, vectors, development=False), likeness),
        ]
    for row in rows:
        row.setdefault("samples", "")
    write_csv("faces_likeness", rows, ("onnxruntime", "ai-edge-litert", "numpy", "pillow"))


def people_of(pictures: Pictures, vectors: Vectors, *, development: bool) -> list[Vectors]:
    """Vectors of each known person of a side, of the faces that were found."""
    chosen = (pictures.roles == KNOWN) & (pictures.development == development) & ~np.isnan(vectors[:, 0])
    return [vectors[chosen & (pictures.people == name)] for name in sorted(set(pictures.people[chosen].tolist()))]


def changed_copies(name: str, pictures: Pictures, vectors: Vectors, data: Path, folder: Path) -> Vectors:
    """Cosines of development's enrolled pictures with copies: moved, turned by 2 degrees, lighter, smaller."""
    embedder = make_embedder(name, Wanted(data), centred=False)
    networks = FaceAndBody.load(body=False)
    places = np.flatnonzero((pictures.roles == KNOWN) & pictures.development & (pictures.index < ENROLLED))
    pairs = [
        (place, face)
        for place in places
        for copy in copies_of(pictures.paths[place])
        if (face := search(networks, encode(np.asarray(copy), "PNG"))).points is not None
    ]
    networks.close()
    centre = np.array(CENTRES.get(name, (0.0,)), np.float32)
    with ask_embedder(embedder, folder) as ask:
        raw = ask(aligned_chips([face for _, face in pairs], embedder.settings.chip))
    made = unit_vectors(unit_vectors(raw) - centre)
    cosines = (made * vectors[[place for place, _ in pairs]]).sum(axis=1)
    return np.asarray(cosines[~np.isnan(cosines)], np.float32)


def copies_of(path: Path) -> Iterator[Image.Image]:
    image = Image.open(path).convert("RGB")
    yield image.transform(image.size, Image.Transform.AFFINE, (1, 0, 4, 0, 1, -3), Image.Resampling.BILINEAR)
    yield image.rotate(2, Image.Resampling.BICUBIC)
    yield ImageEnhance.Brightness(image).enhance(1.15)
    yield image.resize((128, 128), Image.Resampling.BICUBIC)


def within(people: list[Vectors]) -> Vectors:
    """Cosines of all pairs of pictures of one person."""
    return np.concatenate([(one @ one.T)[np.triu_indices(len(one), 1)] for one in people])


def upper_median(cosines: Vectors) -> float:
    """As enrolment takes it: of an even number the higher of the two in the middle."""
    return float(np.sort(cosines)[len(cosines) // 2])


def own(people: list[Vectors]) -> Vectors:
    """Of each enrolled picture with the other enrolled ones of its person."""
    values = [
        upper_median(np.delete(one[:ENROLLED], place, 0) @ one[place])
        for one in people
        for place in range(min(ENROLLED, len(one)))
    ]
    return np.array(values, np.float32)


def others(people: list[Vectors]) -> Vectors:
    """Of each picture with the enrolled ones of every other person."""
    values = [
        upper_median(one[:ENROLLED] @ vector)
        for index, one in enumerate(people)
        for other, theirs in enumerate(people)
        if other != index
        for vector in theirs
    ]
    return np.array(values, np.float32)


def likeliest(people: list[Vectors]) -> Vectors:
    """Of each picture with the mean of the likeliest other person."""
    means = unit_vectors(np.stack([one[:ENROLLED].mean(axis=0) for one in people]))
    values = [float(np.delete(means @ vector, index).max()) for index, theirs in enumerate(people) for vector in theirs]
    return np.array(values, np.float32)


def refused(name: str, people: list[Vectors], likeness: Likeness) -> list[Row]:
    """Of pictures of somebody else among four of one person, and of the person's own beside it."""
    foreign, mine = [], []
    for index, theirs in enumerate(people):
        for step in (1, 7, 20):
            stranger = people[(index + step) % len(people)][-1]
            together = np.concatenate([theirs[:ENROLLED], stranger[np.newaxis]])
            alike = [
                likeness.of(upper_median(np.delete(together, place, 0) @ together[place])) < likeness.alike
                for place in range(len(together))
            ]
            foreign.append(alike[-1])
            mine += alike[:-1]
    return [
        {
            "embedder": name,
            "what": "refused: somebody else's among four",
            "value": sum(foreign),
            "samples": len(foreign),
        },
        {"embedder": name, "what": "refused: the person's own beside it", "value": sum(mine), "samples": len(mine)},
    ]


def quantile(name: str, what: str, values: Vectors, share: float) -> Row:
    """One line of the table."""
    value = round(float(np.quantile(values, share)), 3)
    return {"embedder": name, "what": what, "value": value, "samples": len(values)}


if __name__ == "__main__":
    main()
