"""Enrolment on real faces that no limit of it was chosen on: every second person of LFW here, from the second on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from home_security.faces.recipe import FacesRecipe
from home_security.faces.task import FacesTrainer
from pipit.bundle import Bundle
from pipit.client import Client
from pipit.client.faces import FacesClient
from pipit.faces.sealing import GalleryKey
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings
from pipit.settings import DataSettings, load_settings
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps

pytestmark = [pytest.mark.data, pytest.mark.slow]
AGREED: dict[str, Any] = {"consent_by": "a test", "purpose": "a test"}


@pytest.fixture(scope="module")
def real_data() -> Path:
    folder = load_settings(DataSettings).data
    if folder is None:
        pytest.skip("needs real data; set PIPIT_DATA")
    return folder


@pytest.fixture(scope="module")
def bundle(real_data: Path, networks_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Of dlib's network."""
    folder = tmp_path_factory.mktemp("real")
    recipe = find_recipe(FacesTrainer.recipe_folder, "home_security.faces", "dlib")
    trainer = FacesTrainer(load_recipe(recipe, FacesRecipe), real_data)
    with open_run(trainer, folder / "runs") as run:
        run_steps(run, actions_of(trainer))
        return make_bundle(trainer, run, FIRST_VERSION, folder / "bundle")


@pytest.fixture(scope="module")
def server(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    GalleryKey.generate().save(folder / "gallery.key")
    settings = ServingSettings(
        bundle=(bundle.path,), port=0, metrics_port=0, gallery_key=folder / "gallery.key", gallery_dir=folder / "people"
    )
    running = InferenceServer(settings)
    running.start()
    pause, begun = threading.Event(), time.monotonic()
    while not running.plane.is_ready:
        assert time.monotonic() - begun < 120
        pause.wait(0.05)
    yield f"127.0.0.1:{running.port}"
    running.stop()


@pytest.fixture(scope="module")
def people(real_data: Path) -> list[list[Path]]:
    """Pictures of each."""
    folders = sorted((real_data / "faces/lfw_known").iterdir())[1::2]
    return [sorted(folder.glob("*.jpg")) for folder in folders]


def test_a_picture_of_another_person_is_found_among_five(server: str, people: list[list[Path]]) -> None:
    own = foreign = own_refused = foreign_refused = 0
    with FacesClient(server) as faces:
        for number, pictures in enumerate(people):
            other = people[(number + 7) % len(people)][5]
            *verdicts, last = faces.check([*pictures[:4], other]).verdicts
            own += len(verdicts)
            own_refused += sum(not verdict.accepted for verdict in verdicts)
            foreign += 1
            foreign_refused += not last.accepted
    assert (own, foreign) == (200, 50)
    assert foreign_refused >= 48
    assert own_refused <= 10


def test_real_people_are_enrolled_named_and_forgotten(server: str, people: list[list[Path]]) -> None:
    with FacesClient(server) as faces, Client(server) as asks:
        for number, pictures in enumerate(people[:5]):
            assert faces.enrol(f"Person {number}", pictures[:5], **AGREED).accepted >= 3
        pause, begun = threading.Event(), time.monotonic()
        while asks.classify(people[4][0]).label != "Person 4":
            assert time.monotonic() - begun < 120
            pause.wait(0.05)
        named = {number: [asks.classify(path).label for path in people[number][5:]] for number in range(5)}
        right = sum(label == f"Person {number}" for number, labels in named.items() for label in labels)
        wrong = sum(label not in ("", f"Person {number}") for number, labels in named.items() for label in labels)
        strangers = [asks.classify(pictures[0]).label for pictures in people[5:35]]
        assert right >= 11
        assert wrong == 0
        assert sum(map(bool, strangers)) <= 1
        again = faces.check([people[0][6], people[0][7]])
        assert again.accepted == 0
        assert again.verdicts[0].refusals[0].reason == "somebody known"
        for number in range(5):
            faces.forget(f"Person {number}")
        assert faces.people() == ()
