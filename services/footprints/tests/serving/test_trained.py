"""From a detector's bundle and drawn prints to a bundle of both networks, and from there to answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from footprints.species.recipe import SpeciesRecipe
from footprints.species.synthetic import write_synthetic_set
from footprints.species.task import SpeciesTrainer
from pipit.bundle import Bundle, read_golden
from pipit.client import Client
from pipit.inputs import EncodedImage
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps
from pipit.types import Box

pytestmark = [
    pytest.mark.slow,
    # Of Keras' own code.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*np.object.*:FutureWarning"),
]


@pytest.fixture(scope="module")
def trained(detector_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A few steps of training: the network knows nothing, but it is one, and int8 too."""
    folder = tmp_path_factory.mktemp("trained")
    write_synthetic_set(folder / "data" / "synthetic_species", pictures_per_class=8)
    path = find_recipe(SpeciesTrainer.recipe_folder, "footprints.species", "synthetic")
    stage = {"name": "frozen", "optimiser": {"name": "adam", "learning_rate": 0.003}, "epochs": 1, "batch_size": 16}
    changes = {"crops": {"detector": str(detector_bundle.path)}, "stages": [stage], "augmentation": {"copies": 0}}
    trainer = SpeciesTrainer(load_recipe(path, SpeciesRecipe, changes), folder / "data")
    with open_run(trainer, folder / "runs") as run:
        run_steps(run, actions_of(trainer))
        return make_bundle(trainer, run, FIRST_VERSION, folder / "bundle")


@pytest.fixture(scope="module", params=["float32", "int8"])
def client(trained: Bundle, request: pytest.FixtureRequest) -> Iterator[Client]:
    settings = ServingSettings(bundle=(trained.path,), variant=request.param, port=0, metrics_port=0, grace_seconds=5.0)
    server = InferenceServer(settings)
    server.start()
    deadline = time.monotonic() + 240.0
    while not server.plane.is_ready:
        assert time.monotonic() < deadline, server.hosts["footprints.species"].status()
        time.sleep(0.02)
    with Client(f"127.0.0.1:{server.port}", timeout=60.0) as client:
        yield client
    server.stop(5.0)


def test_the_bundle_holds_both_networks(trained: Bundle, detector_bundle: Bundle) -> None:
    manifest = trained.manifest
    assert list(manifest.networks) == ["detector"]
    copied, original = manifest.files["networks/detector.onnx"], detector_bundle.manifest.files["weights/float32.onnx"]
    assert copied.sha256 == original.sha256
    assert manifest.pipeline.parameters["detector"] == detector_bundle.manifest.pipeline.parameters
    assert {variant.name for variant in manifest.variants} == {"float32", "int8"}
    assert all(isinstance(sample.item, EncodedImage) for sample in read_golden(trained.file("golden.npz")))


def test_it_answers_with_boxes_and_species(trained: Bundle, client: Client, paint: Any, encode: Any) -> None:
    predictions = client.classify(encode(paint(640, 384, {(3, 4): "red", (9, 2): "blue"}))).predictions
    boxes = [one.region for one in predictions if isinstance(one.region, Box)]
    assert sorted((round(box.left), round(box.top)) for box in boxes) == [(96, 128), (288, 64)]
    for one in predictions:
        assert one.region_score == pytest.approx(1.0)
        assert {score.label for score in one.scores} == set(trained.manifest.labels)
        # They add up to the crop's likeness to those of training.
        assert 0.0 <= sum(score.score for score in one.scores) <= 1.02
