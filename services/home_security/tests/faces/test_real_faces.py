"""The default way on real faces: found, aligned, embedded, told apart."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pipit.errors import Unavailable
from pipit.faces.alignment import TEMPLATES
from pipit.faces.embedding import INPUT, OUTPUT, rows_of, unit_vectors
from pipit.faces.finder import Face, FaceFinder
from pipit.inputs import EncodedImage
from pipit.landmark_networks import FOLDER, install
from pipit.landmarks.networks import RUNTIME, network_paths
from pipit.runtimes import Runtime, load_runtime
from pipit.runtimes.onnx import OnnxRuntime
from pipit.settings import DataSettings, LandmarkSettings, load_settings

networks = pytest.importorskip("home_security.faces.networks")
PEOPLE = 16
pytestmark = pytest.mark.data


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """faces: of each picture, in order. people: whose. enrols: (pictures,)."""

    faces: list[tuple[Face, ...]]
    people: NDArray[np.str_]
    enrols: NDArray[np.bool_]


@pytest.fixture(scope="module")
def data() -> Path:
    folder = load_settings(DataSettings).data
    if folder is None or not (folder / "faces" / "split.csv").is_file() or not (folder / networks.DLIB_FILE).is_file():
        pytest.skip("needs real faces and dlib's weights; set PIPIT_DATA")
    return folder


@pytest.fixture(scope="module")
def opened() -> Iterator[dict[str, Runtime]]:
    try:
        install(FOLDER, load_settings(LandmarkSettings).landmarks_wheel)
    except Unavailable as error:
        pytest.skip(str(error))
    loaded = {name: load_runtime(path, RUNTIME) for name, path in network_paths(body=False).items()}
    yield loaded
    for runtime in loaded.values():
        runtime.close()


@pytest.fixture(scope="module")
def seen(data: Path, opened: dict[str, Runtime]) -> Seen:
    """Eight pictures of each of a few people."""
    with (data / "faces" / "split.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["role"] != "unknown"]
    names = sorted({row["person"] for row in rows})[:PEOPLE]
    rows = [row for row in rows if row["person"] in names]
    finder = FaceFinder(opened, TEMPLATES["dlib"])
    faces = [finder.find(EncodedImage((data / "faces" / row["filename"]).read_bytes())) for row in rows]
    return Seen(faces, np.array([row["person"] for row in rows]), np.array([row["role"] == "enrol" for row in rows]))


def test_faces_are_found_where_there_is_one(seen: Seen) -> None:
    assert len(seen.faces) == 8 * PEOPLE
    assert sum(len(faces) >= 1 for faces in seen.faces) >= 0.98 * len(seen.faces)
    assert sum(len(faces) == 1 for faces in seen.faces) >= 0.95 * len(seen.faces)


def test_their_quality_is_that_of_press_pictures(seen: Seen) -> None:
    """160 px a side, of which a face fills most; lit; looking at a camera, most of them."""
    qualities = [faces[0].quality for faces in seen.faces if faces]
    assert 130 < np.median([quality.box for quality in qualities]) < 165
    assert 50 < np.median([quality.eyes for quality in qualities]) < 63
    assert 0.06 < np.median([quality.sharpness for quality in qualities]) < 0.13
    assert np.abs(np.median([quality.yaw for quality in qualities])) < 5
    assert 0.02 < np.mean([abs(quality.yaw) > 20 for quality in qualities]) < 0.25
    assert 0.35 < np.median([quality.exposure for quality in qualities]) < 0.65
    assert 0.3 < np.median([quality.score for quality in qualities]) <= 1


def test_people_are_told_apart(seen: Seen, data: Path, tmp_path: Path) -> None:
    embedder = networks.make_embedder("dlib", networks.Wanted(data))
    embedder.write(tmp_path / "dlib.onnx")
    runtime = OnnxRuntime(tmp_path / "dlib.onnx")
    there = np.array([bool(faces) for faces in seen.faces])
    chips = [faces[0].chip for faces in seen.faces if faces]
    vectors = unit_vectors(runtime.run({INPUT: rows_of(chips, embedder.settings)})[OUTPUT])
    runtime.close()
    people, enrols = seen.people[there], seen.enrols[there]
    names = sorted(set(people.tolist()))
    means = unit_vectors(np.stack([vectors[enrols & (people == name)].mean(axis=0) for name in names]))
    cosines = vectors[~enrols] @ means.T
    right = np.array(names)[cosines.argmax(axis=1)] == people[~enrols]
    assert right.mean() >= 0.96
    own = people[~enrols][:, np.newaxis] == np.array(names)
    # Strangers are not alike (0.84, were the centre not taken off), and most faces are clear of them.
    assert abs(cosines[~own].mean()) < 0.2
    assert np.quantile(cosines[own], 0.1) > np.quantile(cosines[~own], 0.98)
