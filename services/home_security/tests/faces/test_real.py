"""Real faces, which are not in the repository: from pictures to names, with MobileFaceNet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from home_security.faces.data import FacePicture, list_faces
from home_security.faces.pipeline import FacesPipeline
from home_security.faces.recipe import FacesRecipe
from home_security.faces.task import FacesTrainer
from pipit.bundle.gates import evaluate_gates
from pipit.faces.gallery import Gallery, Person
from pipit.inputs import EncodedImage
from pipit.pipelines.served import Served, serve_bundle
from pipit.settings import DataSettings, load_settings
from pipit.training.mobilefacenet import weights_file
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps
from pipit.types import Prediction

pytestmark = [pytest.mark.slow, pytest.mark.data]
TASK = "home_security.faces"
KNOWN, STRANGERS = 40, 70


@pytest.fixture(scope="module")
def real_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data sets with some of the people; MobileFaceNet's weights beside them."""
    data = load_settings(DataSettings).data
    if data is None or not (data / "faces" / "split.csv").is_file():
        pytest.skip("needs real faces: set PIPIT_DATA to a folder that holds faces")
    weights = data / "backbones" / "mobilefacenet_casia_112x96.npz"
    if not weights.is_file():
        pytest.skip("needs MobileFaceNet's weights")
    with (data / "faces" / "split.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    people = sorted({row["person"] for row in rows if row["role"] != "unknown"})[:KNOWN]
    people += sorted({row["person"] for row in rows if row["role"] == "unknown"})[:STRANGERS]
    folder = tmp_path_factory.mktemp("real")
    (folder / "backbones").mkdir()
    (folder / "backbones" / weights.name).symlink_to(weights)
    assert weights_file(folder, "").is_file()
    with (folder / "split.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, ("filename", "person", "role"))
        writer.writeheader()
        for row in rows:
            if row["person"] in people:
                writer.writerow(row)
                path = folder / row["filename"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to(data / "faces" / row["filename"])
    return folder


@pytest.fixture(scope="module")
def trained(real_data: Path, tmp_path_factory: pytest.TempPathFactory, networks_folder: Path) -> Iterator[Any]:
    path = find_recipe(FacesTrainer.recipe_folder, TASK, "mobilefacenet")
    changes = {"data.0.path": str(real_data), "naming.rate": 0.05, "split.limits_known_share": 0.55}
    trainer = FacesTrainer(load_recipe(path, FacesRecipe, changes), real_data)
    folder = tmp_path_factory.mktemp("run")
    with open_run(trainer, folder / "runs") as run:
        run_steps(run, actions_of(trainer))
        yield run, make_bundle(trainer, run, FIRST_VERSION, folder / "bundle")


@pytest.fixture(scope="module")
def served(trained: Any) -> Iterator[Served]:
    with serve_bundle(trained[1]) as opened:
        yield opened


@pytest.fixture(scope="module")
def pictures(real_data: Path) -> dict[str, list[FacePicture]]:
    found: dict[str, list[FacePicture]] = {}
    for picture in list_faces(real_data).items:
        found.setdefault(picture.person, []).append(picture)
    return found


def test_measured_on_people_that_nothing_was_chosen_by(trained: Any) -> None:
    run, bundle = trained
    metrics = bundle.manifest.metrics
    assert run.read_json("evaluate", "limits.json")["source"] == "measured here on 22 known people and 21 strangers"
    assert all(result.passed for result in evaluate_gates(bundle.manifest))
    assert metrics["detection_rate"].value > 0.98
    assert metrics["accuracy_training"].value > 0.99
    assert metrics["accuracy_validation"].value > 0.95
    assert metrics["found"].value > 0.9
    assert metrics["let_in"].value < 0.1


def read(picture: FacePicture) -> EncodedImage:
    return EncodedImage(picture.path.read_bytes())


def test_served_it_names_the_right_people_and_turns_strangers_away(
    trained: Any, served: Served, pictures: dict[str, list[FacePicture]], enrol: Callable[..., Person]
) -> None:
    run, bundle = trained
    assert isinstance(served.pipeline, FacesPipeline)
    sides = {entry["person"]: entry["side"] for entry in run.read_json("prepare", "faces.json")}
    several = [person for person in pictures if sides[person] == "validation"]
    known = [person for person in several if pictures[person][0].role != "unknown"]
    people = []
    for number, person in enumerate(known):
        items = [read(picture) for picture in pictures[person] if picture.role == "enrol"]
        people.append(enrol(served, number, f"person {number}", items))
    probes = [
        (f"person {number}", picture)
        for number, person in enumerate(known)
        for picture in pictures[person]
        if picture.role == "probe"
    ]
    strangers = [picture for person in several if person not in known for picture in pictures[person]]
    assert all(answer.unknown for _, picture in probes[:5] for answer in served.answer(read(picture)))
    served.pipeline.use_gallery(Gallery("home", 1, tuple(people)))

    def said(picture: FacePicture) -> Prediction | None:
        answers = served.answer(read(picture))
        return answers[0] if answers else None

    answers = [(name, said(picture)) for name, picture in probes]
    found = np.mean([answer is not None and answer.label == name for name, answer in answers])
    assert found > 0.9
    assert found == pytest.approx(bundle.manifest.metrics["found"].value, abs=0.05)
    assert not any(answer is not None and answer.label not in ("", name) for name, answer in answers)
    let_in = [answer is not None and answer.label != "" for answer in map(said, strangers)]
    assert len(let_in) == 2 * 21
    # The promise is 5 %: of 42 faces 2; over 6 it would be broken with a chance of 1 in 100.
    assert sum(let_in) <= 6
