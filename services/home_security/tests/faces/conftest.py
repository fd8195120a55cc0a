"""Drawn faces, a bundle that was trained on them, and galleries of drawn people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from home_security.faces.data import FacePicture, list_faces
from home_security.faces.networks import Wanted, make_embedder
from home_security.faces.pipeline import FacesPipeline
from home_security.faces.recipe import FacesRecipe, NamingRecipe, QualityRecipe
from home_security.faces.settings import LABELS, FacesSettings
from home_security.faces.synthetic import draw_face, encoded, write_synthetic_set
from home_security.faces.task import FacesTrainer
from numpy.typing import NDArray
from pipit.bundle import Bundle
from pipit.bundle.manifest import Manifest, Network
from pipit.errors import Unavailable
from pipit.faces.embedding import unit_vectors
from pipit.faces.gallery import Consent, Gallery, Person, Template
from pipit.faces.quality import QualityLimits
from pipit.landmark_networks import FOLDER, install
from pipit.landmarks.networks import RUNTIME, network_paths
from pipit.pipelines.networks import open_networks
from pipit.pipelines.served import Served
from pipit.runtimes import Runtime, load_runtime
from pipit.settings import LandmarkSettings, load_settings
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import Run, open_run
from pipit.training.steps import actions_of, run_steps

TASK = "home_security.faces"
CONSENT = Consent("the person", "2026-01-01T00:00:00Z", "the door")


@pytest.fixture(scope="session")
def networks_folder() -> Path:
    """The networks that find faces, fetched where they are not there yet. Skips where they can't be had."""
    try:
        install(FOLDER, load_settings(LandmarkSettings).landmarks_wheel)
    except Unavailable as error:
        pytest.skip(str(error))
    return FOLDER


@pytest.fixture(scope="session")
def networks(networks_folder: Path) -> Iterator[dict[str, Runtime]]:
    """Those of faces, opened, as a server opens those of a bundle."""
    paths = network_paths(networks_folder, body=False)
    files = {name: Network(runtime=RUNTIME, file=path.name) for name, path in paths.items()}
    with open_networks(files, networks_folder.joinpath, instances=2) as opened:
        yield opened


@pytest.fixture(scope="session")
def drawn_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data sets that holds the synthetic one."""
    data = tmp_path_factory.mktemp("data")
    write_synthetic_set(data / "synthetic_faces")
    return data


@pytest.fixture(scope="session")
def pictures(drawn_data: Path) -> dict[str, list[FacePicture]]:
    """Of each drawn person, in order."""
    found: dict[str, list[FacePicture]] = {}
    for picture in list_faces(drawn_data / "synthetic_faces").items:
        found.setdefault(picture.person, []).append(picture)
    return found


@dataclass(frozen=True)
class Trained:
    """A finished run and its bundle."""

    run: Run
    bundle: Bundle
    facts: dict[str, Any]


@pytest.fixture(scope="session")
def trained(drawn_data: Path, tmp_path_factory: pytest.TempPathFactory, networks_folder: Path) -> Iterator[Trained]:
    folder = tmp_path_factory.mktemp("trained")
    recipe = load_recipe(find_recipe(FacesTrainer.recipe_folder, TASK, "synthetic"), FacesRecipe)
    trainer = FacesTrainer(recipe, drawn_data)
    with open_run(trainer, folder / "runs") as run:
        outcomes = run_steps(run, actions_of(trainer))
        bundle = make_bundle(trainer, run, FIRST_VERSION, folder / "bundle")
        yield Trained(run, bundle, {one.step: one.record.facts for one in outcomes})


@pytest.fixture(scope="session")
def embedder_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grey levels as an embedder."""
    path = tmp_path_factory.mktemp("embedder") / "pixels.onnx"
    make_embedder("pixels", Wanted()).write(path)
    return path


@pytest.fixture(scope="session")
def cohort(networks: dict[str, Runtime], embedder_file: Path) -> NDArray[np.float32]:
    """Vectors of forty drawn strangers, of none of whom a test has a picture."""
    generator = np.random.default_rng(9)
    with closing(load_runtime(embedder_file, "onnx")) as runtime:
        served = Served(FacesPipeline(manifest_of(unit_vectors(generator.normal(size=(40, 128)))), networks), runtime)
        found = [embed(served, encoded(draw_face(500 + number, generator))) for number in range(40)]
    return np.concatenate(found)


def manifest_of(cohort: NDArray[np.float32], **changes: Any) -> Manifest:
    """Of a bundle of grey levels. changes: of the recipe's naming, and nameable."""
    nameable = changes.pop("nameable", QualityRecipe().limits())
    naming = {"rate": 0.05, "limits": {"people": [1, 100], "limits": [[0.6, 0.6]] * 3, "spread": 0.3, "source": ""}}
    settings = FacesSettings(
        embedder=make_embedder("pixels", Wanted()).settings,
        digest="5" * 64,
        enrolment=QualityLimits(),
        nameable=nameable,
        naming=NamingRecipe.model_validate({**naming, **changes}).settings(),
        cohort=cohort,
    )
    return Manifest.model_validate(
        {
            "task": TASK,
            "version": "1.0.0",
            "model_type": "pixels",
            "created_at": "2026-11-28T00:00:00+00:00",
            "labels": list(LABELS),
            "input": {"kind": "image"},
            "pipeline": {"name": TASK, "parameters": settings.to_parameters()},
            "variants": [{"name": "float32", "runtime": "onnx", "file": "weights/float32.onnx"}],
            "default_variant": "float32",
            "golden": {"tolerance": {"float32": 0.004}},
            "lineage": {
                "dataset_digest": "0" * 64,
                "split_rule": "none",
                "config_digest": "0" * 64,
                "code_version": "0",
                "seed": 1,
            },
            "files": {},
        }
    )


def embed(served: Served, item: Any) -> NDArray[np.float32]:
    """Vectors of the faces of a picture, largest face first."""
    decoded = served.pipeline.decode(item)
    assert isinstance(served.pipeline, FacesPipeline)
    return served.pipeline.vectors(served.runtime.run(decoded.tensors), decoded)


@pytest.fixture
def make_served(
    networks: dict[str, Runtime], embedder_file: Path, cohort: NDArray[np.float32]
) -> Iterator[Callable[..., Served]]:
    """Pipelines of grey levels that know nobody yet."""
    with closing(load_runtime(embedder_file, "onnx")) as runtime:

        def make(**changes: Any) -> Served:
            return Served(FacesPipeline(manifest_of(cohort, **changes), networks), runtime)

        yield make


@pytest.fixture(scope="session")
def enrol() -> Callable[..., Person]:
    """Makes somebody known by pictures, which are embedded once for each embedder."""
    kept: dict[tuple[str, bytes], NDArray[np.float32]] = {}

    def make(served: Served, number: int, name: str, items: list[Any]) -> Person:
        assert isinstance(served.pipeline, FacesPipeline)
        keys = [(served.pipeline.embedder, item.data) for item in items]
        for key, item in zip(keys, items, strict=True):
            if key not in kept:
                kept[key] = embed(served, item)[0]
        vectors = [kept[key] for key in keys]
        templates = tuple(Template(vector, served.pipeline.embedder, 1.0, "0" * 64) for vector in vectors)
        return Person(f"{number:032x}", name, CONSENT, templates)

    return make


@pytest.fixture(scope="session")
def gallery_of() -> Callable[..., Gallery]:
    def make(*people: Person) -> Gallery:
        return Gallery("home", 1, people)

    return make
