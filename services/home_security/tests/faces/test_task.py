"""From drawn people to a bundle that knows none of them, and from there to names."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from home_security.faces import task
from home_security.faces.data import ENROL, FacePicture
from home_security.faces.kept import read_faces
from home_security.faces.pipeline import FacesPipeline
from home_security.faces.recipe import FacesRecipe
from home_security.faces.task import FacesTrainer
from pipit.bundle import check_golden, read_golden
from pipit.bundle.gates import evaluate_gates
from pipit.errors import InvalidInput, NotFound
from pipit.faces.gallery import EMPTY, Gallery, Person
from pipit.inputs import EncodedImage
from pipit.pipelines.served import Served, serve_bundle
from pipit.training.bundle_evaluation import evaluate_bundle
from pipit.training.recipe import find_recipe, load_recipe, recipe_names
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps
from pipit.training.trainer import load_trainer
from pipit.types import Box

pytestmark = pytest.mark.slow
TASK = "home_security.faces"
Pictures = dict[str, list[FacePicture]]


@pytest.fixture(scope="module")
def served(trained: Any) -> Iterator[Served]:
    with serve_bundle(trained.bundle) as opened:
        yield opened


@pytest.fixture(scope="module")
def sides(trained: Any) -> dict[str, str]:
    return {entry["person"]: entry["side"] for entry in trained.run.read_json("prepare", "faces.json")}


def validating(sides: dict[str, str], kind: str) -> list[str]:
    return [person for person, side in sides.items() if side == "validation" and person.startswith(kind)]


def read(picture: FacePicture) -> EncodedImage:
    return EncodedImage(picture.path.read_bytes())


def test_the_trainer_and_its_recipes_are_there() -> None:
    assert load_trainer(TASK) is FacesTrainer
    names = recipe_names(FacesTrainer.recipe_folder, TASK)
    assert FacesTrainer.default_recipe in names
    for name in names:
        recipe = load_recipe(find_recipe(FacesTrainer.recipe_folder, TASK, name), FacesRecipe)
        assert {gate.metric: (gate.comparison, gate.limit) for gate in recipe.gates} == {
            "accuracy_training": (">", 0.95),
            "accuracy_validation": (">", 0.90),
            "let_in.over": ("<=", 0.0),
        }
        assert recipe.latency_budget_ms == 100.0


def test_every_step_says_what_it_did(trained: Any) -> None:
    facts = trained.facts
    assert facts["prepare"]["people_known_limits"] == 8
    assert facts["prepare"]["people_known_validation"] == 16
    strangers = [facts["prepare"][f"people_strangers_{side}"] for side in ("cohort", "limits", "validation")]
    assert strangers == [24, 18, 18]
    assert facts["fit"]["without_face"] == 0
    assert facts["fit"]["people_known"] == 24
    assert facts["evaluate"]["limits"] == "measured here on 8 known people and 18 strangers"
    assert facts["verify"]["least_cosine"] > 0.9999
    assert facts["evaluate"]["detection_rate"] == 1.0


def test_the_gates_of_the_guide_hold(trained: Any) -> None:
    results = evaluate_gates(trained.bundle.manifest)
    assert [result.passed for result in results] == [True] * 3
    assert trained.bundle.manifest.metrics["accuracy_training"].value > 0.95
    assert trained.bundle.manifest.metrics["accuracy_validation"].value > 0.90


def test_the_report_tells_of_pictures_apart(trained: Any) -> None:
    report = json.loads(trained.bundle.file("report/evaluation.json").read_bytes())
    kinds = report["kinds"]
    halves = [kinds[f"the {half} half"]["samples"] for half in ("darker", "lighter", "less sharp", "sharper")]
    probes = trained.bundle.manifest.metrics["found"].samples
    assert halves[0] + halves[1] == halves[2] + halves[3] == probes
    assert kinds["turned by under 12 degrees"]["samples"] > 0
    found = sum(
        kinds[f"the {half} half"]["value"] * count for half, count in zip(("darker", "lighter"), halves, strict=False)
    )
    assert found / probes == pytest.approx(trained.bundle.manifest.metrics["found"].value)
    card = trained.bundle.file("report/model_card.md").read_text()
    assert "| the darker half |" in card
    assert "access control" in card
    assert {"report/dir_fpir.png", "report/scores.png"} <= trained.bundle.manifest.files.keys()


def test_nobody_is_on_two_sides_and_enrolment_never_probes(trained: Any, sides: dict[str, str]) -> None:
    entries = trained.run.read_json("prepare", "faces.json")
    assert all(sides[entry["person"]] == entry["side"] for entry in entries)
    names = [entry["name"] for entry in entries]
    assert len(set(names)) == len(names)
    assert {entry["role"] for entry in entries if entry["side"] == "cohort"} == {"unknown"}


def test_limits_grow_with_people_and_with_strictness(trained: Any) -> None:
    points = trained.run.read_json("evaluate", "limits.json")["points"]
    assert points["people"] == [1, 5]
    limits = np.array(points["limits"])
    assert (np.diff(limits, axis=1) >= 0).all()
    assert (np.diff(limits, axis=0) <= 0).all()
    assert limits[0, 0] > limits[2, 0]


def test_the_bundle_holds_nobody_who_is_to_be_known(trained: Any, sides: dict[str, str]) -> None:
    kept = read_faces(trained.run.output("fit"))
    known = [person for person in sides if person.startswith("known/")]
    names = [person.encode() for person in sides] + [person.partition("/")[2].encode() for person in sides]
    vectors = [kept.vectors[np.flatnonzero(kept.people == person)] for person in known]
    needles = [part for rows in vectors for row in rows for part in (row.tobytes(), row.astype("<f2").tobytes())]
    needles += [base64.b64encode(row.astype("<f2").tobytes())[:40] for rows in vectors for row in rows]
    files = [path for path in trained.bundle.path.rglob("*") if path.is_file()]
    assert len(files) > 8
    for path in files:
        content = path.read_bytes()
        assert not any(name in content for name in names), path
        assert not any(needle in content for needle in needles), path


def test_the_cohort_is_of_its_own_side(trained: Any, sides: dict[str, str], served: Served) -> None:
    assert isinstance(served.pipeline, FacesPipeline)
    kept = read_faces(trained.run.output("fit"))
    cohort = served.pipeline.settings.cohort
    assert len(cohort) == 24
    alike = cohort @ kept.vectors.T
    assert {sides[person] for person in kept.people[alike.argmax(axis=1)]} == {"cohort"}
    others = np.array([sides[person] != "cohort" for person in kept.people])
    assert alike[:, others].max() < 0.9995


def test_the_bundle_looks_for_faces_far_away_where_the_environment_can(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(trained.bundle.manifest.networks) == {"face_detector", "face_landmarks", "far_face_detector"}
    monkeypatch.setattr(task, "FOLDER", tmp_path)
    assert set(task.finding_networks()) == {"face_detector", "face_landmarks"}


def test_golden_samples_prove_boxes_and_vectors_and_are_drawn(trained: Any, served: Served) -> None:
    assert check_golden(trained.bundle, "float32", served.pipeline, served.runtime) == 0.0
    samples = read_golden(trained.bundle.file("golden.npz"))
    assert [len(sample.scores["float32"]) for sample in samples] == [1, 1, 1, 2]
    assert samples[0].scores["float32"].shape[1] == 15 + 128


@pytest.fixture(scope="module")
def gallery(served: Served, sides: dict[str, str], pictures: Pictures, enrol: Callable[..., Person]) -> Gallery:
    people = []
    for number, person in enumerate(validating(sides, "known/")):
        items = [read(picture) for picture in pictures[person] if picture.role == ENROL]
        people.append(enrol(served, number, person.partition("/")[2], items))
    return Gallery("home", 1, tuple(people))


def test_served_it_names_the_right_people_and_keeps_its_promise(
    trained: Any, served: Served, sides: dict[str, str], pictures: Pictures, gallery: Gallery
) -> None:
    assert isinstance(served.pipeline, FacesPipeline)
    served.pipeline.use_gallery(gallery)
    try:
        said = {
            person: [served.answer(read(picture))[0] for picture in pictures[person] if picture.role != ENROL]
            for kind in ("known/", "unknown/")
            for person in validating(sides, kind)
        }
    finally:
        served.pipeline.use_gallery(EMPTY)
    known = [(one, name.partition("/")[2]) for name, several in said.items() if "unk" not in name for one in several]
    strangers = [one for name, several in said.items() if name.startswith("unknown/") for one in several]
    first = np.mean([one.scores[0].label == name for one, name in known])
    assert first > 0.9
    found = np.mean([one.label == name for one, name in known])
    metrics = trained.bundle.manifest.metrics
    assert found == pytest.approx(metrics["found"].value, abs=0.05)
    assert not any(one.label not in ("", name) for one, name in known)
    # At most 5 % of strangers, within the interval of so few.
    let_in = float(np.mean([one.label != "" for one in strangers]))
    assert let_in == pytest.approx(metrics["let_in"].value, abs=0.03)
    assert metrics["let_in"].low is not None
    assert metrics["let_in"].low <= 0.05


def test_knowing_nobody_it_says_unknown_with_a_box(served: Served, pictures: Pictures) -> None:
    (answer,) = served.answer(read(pictures["known/person_00"][0]))
    assert (answer.label, answer.unknown, answer.scores) == ("", True, ())
    assert isinstance(answer.region, Box)


def test_a_stream_votes(served: Served, sides: dict[str, str], pictures: Pictures, gallery: Gallery) -> None:
    assert isinstance(served.pipeline, FacesPipeline)
    served.pipeline.use_gallery(gallery)
    try:
        for person in gallery.people[:3]:
            item = read(pictures[f"known/{person.name}"][0])
            assert [one.label for one in served.stream([item] * 4)] == ["", "", person.name, person.name]
    finally:
        served.pipeline.use_gallery(EMPTY)


def test_a_folder_of_people_is_evaluated(trained: Any, drawn_data: Path) -> None:
    measured = evaluate_bundle(trained.bundle, [drawn_data / "synthetic_faces"])
    assert measured.metrics["detection_rate"].value == 1.0
    assert measured.metrics["accuracy_validation"].value > 0.9
    assert measured.metrics["misled"].value == 0.0
    assert measured.metrics["let_in"].value <= 0.05
    assert measured.metrics["let_in"].samples == 120
    content = json.dumps(measured.to_json())
    assert "person_" not in content


def test_too_few_strangers_leave_the_recipe_s_limits(
    drawn_data: Path, tmp_path: Path, networks_folder: Path, quiet: Any
) -> None:
    small = tmp_path / "small"
    for kind, number in (("known/person", 3), ("unknown/stranger", 12)):
        for index in range(number):
            name = f"{kind}_{index:02d}"
            (small / "raw" / name).mkdir(parents=True)
            for path in (drawn_data / "synthetic_faces" / name).iterdir():
                (small / "raw" / name / path.name).hardlink_to(path)
    path = find_recipe(FacesTrainer.recipe_folder, TASK, "synthetic")
    changes = {"data.0.path": "raw", "naming.limits": None}
    without = FacesTrainer(load_recipe(path, FacesRecipe, changes), small)
    with (
        open_run(without, tmp_path / "runs") as run,
        pytest.raises(InvalidInput, match="0 strangers and 0 known people are too few to set limits by"),
    ):
        run_steps(run, actions_of(without), "evaluate")
    limits = {"people": [1, 100], "limits": [[3.0, 4.0], [2.0, 3.0], [1.0, 2.0]], "spread": 0.5, "source": "by me"}
    trainer = FacesTrainer(load_recipe(path, FacesRecipe, {**changes, "naming.limits": limits}), small)
    with open_run(trainer, tmp_path / "runs", quiet) as run:
        run_steps(run, actions_of(trainer))
        assert run.read_json("evaluate", "limits.json")["source"] == "of the recipe, by me"
        assert "limits of the recipe, by me" in quiet.said
        assert "of the recipe, by me" in (run.folder / "evaluate" / "report" / "model_card.md").read_text()
        assert trainer.draft(run).pipeline.parameters["naming"]["points"]["limits"] == limits["limits"]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    path = find_recipe(FacesTrainer.recipe_folder, TASK, "synthetic")
    with pytest.raises(NotFound, match="synthetic_faces"):
        FacesTrainer(load_recipe(path, FacesRecipe), tmp_path).data_files()
    for changes, message in (
        ({"network": "arcface"}, "an ONNX file of your own: name it by weights"),
        ({"weights": "x.onnx"}, "pixels needs none"),
        ({"epochs": 3}, "epochs changes nothing here"),
        ({"naming.rate": 0.2}, "limits are measured for the rates"),
        ({"split.cohort_share": 0.8}, "leave no strangers"),
    ):
        with pytest.raises(InvalidInput, match=message):
            load_recipe(path, FacesRecipe, changes)


def test_augmentation_is_measured_with_and_without(drawn_data: Path, tmp_path: Path, networks_folder: Path) -> None:
    path = find_recipe(FacesTrainer.recipe_folder, TASK, "synthetic")
    trainer = FacesTrainer(load_recipe(path, FacesRecipe, {"augmentation.copies": 2}), drawn_data)
    with open_run(trainer, tmp_path / "runs") as run:
        run_steps(run, actions_of(trainer), "evaluate")
        metrics = run.read_json("evaluate", "metrics.json")
        faces = read_faces(run.output("fit"))
    assert {"unvaried.found", "unvaried.accuracy_validation"} <= metrics.keys()
    copies = faces.copy > 0
    assert faces.enrols[copies].all()
    assert copies.sum() == 2 * (faces.enrols & ~copies).sum()
