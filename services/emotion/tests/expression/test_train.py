from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emotion.expression.classes import LABELS
from emotion.expression.pipeline import ExpressionPipeline
from emotion.expression.recipe import ExpressionRecipe
from emotion.expression.task import ExpressionTrainer
from pipit.bundle.gates import check_gates
from pipit.bundle.golden import check_golden
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import Landmarks
from pipit.runtimes import load_runtime
from pipit.training.bundle_evaluation import evaluate_bundle
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe, recipe_names
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps
from pydantic import ValidationError

pytestmark = pytest.mark.usefixtures("networks_folder")

Make = Callable[..., ExpressionRecipe]


def test_recipes_are_valid_and_refuse_what_does_not_fit(make_recipe: Make) -> None:
    names = recipe_names(ExpressionTrainer.recipe_folder, "emotion.expression")
    assert names == ("aligned", "guide", "joined", "mobilefacenet", "synthetic", "temporal")
    for name in names:
        recipe = load_recipe(find_recipe(ExpressionTrainer.recipe_folder, "emotion.expression", name), ExpressionRecipe)
        of = "" if name == "synthetic" else ".fer2013"
        assert [gate.metric for gate in recipe.gates] == [f"accuracy{of}", *(f"f1.{label}{of}" for label in LABELS)]
    with pytest.raises(ValidationError, match="several frames"):
        make_recipe(network="temporal")
    for network in ("joined", "mobilefacenet"):
        with pytest.raises(ValidationError, match="takes the features aligned_crop"):
            make_recipe(network=network)
    with pytest.raises(ValidationError, match="no pictures to cut"):
        make_recipe(network="joined", features={"kind": "aligned_crop"})
    with pytest.raises(ValidationError, match="'float32' or 'int8'"):
        make_recipe(export={"variants": ["float32", "dynamic"]})


def test_a_recipe_can_not_ask_for_what_its_features_do_not_hold(make_recipe: Make) -> None:
    assert make_recipe(network="guide", features={"kind": "raw", "body": True}).features.body
    with pytest.raises(ValidationError, match="body is for raw features alone"):
        make_recipe(features={"kind": "aligned", "body": True})
    for wanted in ({"crop_warp": 0.1}, {"crop_dropout": 0.1}, {"crop_cutout": 0.1}):
        with pytest.raises(ValidationError, match="the others have no crop"):
            make_recipe(augmentation=wanted)


def _check_sides(run: Any) -> None:
    sides: dict[str, set[str]] = {}
    for entry in run.read_json("prepare", "items.json"):
        sides.setdefault(entry["group"], set()).add(entry["side"])
    assert {len(found) for found in sides.values()} == {1}


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 8},
        {"epochs": 2, "network": "guide", "features": {"kind": "raw"}},
        {"epochs": 2, "network": "temporal", "features": {"kind": "raw", "frames": 4}},
    ],
    ids=["aligned", "guide", "temporal"],
)
def test_from_synthetic_landmarks_to_a_bundle_that_answers(
    make_recipe: Make, synthetic: Path, tmp_path: Path, quiet: Any, changes: dict[str, Any]
) -> None:
    trainer = ExpressionTrainer(make_recipe(**changes), synthetic.parent)
    with open_run(trainer, tmp_path / "runs", quiet) as run:
        run_steps(run, actions_of(trainer))
        _check_sides(run)
        parity = run.read_json("verify", "parity.json")
        bundle = make_bundle(trainer, run, FIRST_VERSION, run.output("publish") / "bundle")
    assert parity["float32"]["largest_difference"] < 1e-5
    assert parity["int8"]["agreement"] > 0.9
    manifest = bundle.manifest
    assert manifest.labels == LABELS
    assert manifest.input.kind == "landmarks"
    assert list(manifest.networks) == ["face_detector", "face_landmarks"]
    assert len(check_gates(manifest.gates, manifest.metrics)) == len(manifest.gates)
    assert {"report/evaluation.json", "report/model_card.md"} <= set(manifest.files)
    assert manifest.metrics["detection_rate"].value == 1.0
    pipeline = ExpressionPipeline(manifest)
    for variant in ("float32", "int8"):
        runtime = load_runtime(bundle.weights(variant), "onnx")
        assert check_golden(bundle, variant, pipeline, runtime) < 1e-6
        runtime.close()
    found = evaluate_bundle(bundle, [synthetic])
    for name in ("accuracy", "macro_f1", "recall.happy"):
        assert found.metrics[name] == manifest.metrics[name], name
    if changes["epochs"] < 8:
        return
    runtime = load_runtime(bundle.weights("float32"), "onnx")
    answers = [
        (pipeline.interpret(runtime.run(decoded.tensors), decoded)[0].scores[0].label, face.label)
        for face in trainer.sources.items()[::11]
        for decoded in (pipeline.decode(Landmarks(face.landmarks[0])),)
    ]
    runtime.close()
    assert np.mean([found == label for found, label in answers]) > 0.8


def test_a_split_that_leaves_a_class_out_and_data_that_is_wrong_are_named(
    make_recipe: Make, tmp_path: Path, quiet: Any
) -> None:
    (tmp_path / "own").mkdir()
    data = [{"kind": "folders", "path": "own", "licence": "mine"}]
    trainer = ExpressionTrainer(make_recipe(data=data), tmp_path)
    with open_run(trainer, tmp_path / "runs", quiet) as run, pytest.raises(InvalidInput, match="holds no faces"):
        trainer.prepare(run)
    (tmp_path / "own" / "joy").mkdir()
    (tmp_path / "own" / "joy" / "a.jpg").write_bytes(b"x")
    trainer = ExpressionTrainer(make_recipe(data=data), tmp_path)
    with open_run(trainer, tmp_path / "runs", quiet) as run, pytest.raises(InvalidInput, match="'joy' is no emotion"):
        trainer.prepare(run)
    (tmp_path / "own" / "happy").mkdir()
    (tmp_path / "own" / "happy" / "b.txt").write_bytes(b"x")
    (tmp_path / "own" / "happy" / "c.jpg").write_bytes(b"no picture")
    trainer = ExpressionTrainer(make_recipe(data=data), tmp_path)
    with open_run(trainer, tmp_path / "runs", quiet) as run, pytest.raises(InvalidInput) as raised:
        trainer.prepare(run)
    for part in ("3 entries", "'joy' is no emotion", "b.txt", "c.jpg: not a picture"):
        assert part in str(raised.value)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("network", ["joined", "mobilefacenet"])
def test_from_a_few_real_pictures_to_a_bundle(
    make_recipe: Make, real_data: Path, networks_folder: Path, tmp_path: Path, quiet: Any, network: str
) -> None:
    if network == "mobilefacenet":
        if not (real_data / "backbones").is_dir():
            pytest.skip("needs MobileFaceNet's weights: set PIPIT_DATA to a folder that holds backbones")
        (tmp_path / "backbones").symlink_to(real_data / "backbones")
    own = tmp_path / "few"
    for part, count in (("train", 32), ("test", 8)):
        for folder in sorted((real_data / "expressions/fer2013" / part).iterdir()):
            (own / part / folder.name).mkdir(parents=True)
            for path in sorted(folder.iterdir())[:count]:
                (own / part / folder.name / path.name).symlink_to(path)
    recipe = make_recipe(
        network=network,
        features={"kind": "aligned_crop"},
        augmentation={"crop_warp": 0.05, "crop_cutout": 0.3, "crop_dropout": 0.2, "mixup": 0.2},
        class_balance=0.75,
        weight_averaging=0.5,
        data=[{"kind": "fer2013", "path": "few", "licence": "research"}],
        split={"rule": "fold", "test_folds": ["test"]},
        epochs=4 if network == "joined" else 2,
    )
    trainer = ExpressionTrainer(recipe, tmp_path)
    with open_run(trainer, tmp_path / "runs", quiet) as run:
        outcomes = run_steps(run, actions_of(trainer))
        _check_sides(run)
        bundle = make_bundle(trainer, run, FIRST_VERSION, run.output("publish") / "bundle")
    prepared = outcomes[0].record.facts
    on_sides = sum(prepared[side] for side in ("train", "validation", "test"))
    assert prepared["without_face"] + prepared["like_test_faces"] + on_sides == 280
    assert bundle.manifest.input.kind == "image"
    assert 0.8 < bundle.manifest.metrics["detection_rate"].value <= 1.0
    found, over_all = (bundle.manifest.metrics[name] for name in ("accuracy", "accuracy.all_pictures"))
    assert over_all.value == pytest.approx(found.value * bundle.manifest.metrics["detection_rate"].value)
    assert over_all.low is None
    # One data set tests, so its own figures are those of the whole; those over all its pictures are counted.
    metrics = bundle.manifest.metrics
    for name in ("accuracy", "macro_f1", *(f"f1.{label}" for label in LABELS)):
        assert metrics[f"{name}.few"] == metrics[name]
    counted = metrics["accuracy.all_pictures.few"]
    assert counted.samples == 56
    assert counted.value * 56 == pytest.approx(metrics["accuracy"].value * prepared["test"])
    assert counted.low is not None
    assert counted.low < counted.value
    if network == "joined":
        # Asked as a server asks it, of pictures that did not train it.
        asked = evaluate_bundle(bundle, [own], progress=quiet)
        assert asked.answers is not None
        assert asked.answers.trained_on == prepared["train"] + prepared["validation"]
        assert asked.metrics["accuracy.few"] == asked.metrics["accuracy"]
        if not prepared["like_test_faces"]:
            assert asked.metrics["accuracy.few"].value == pytest.approx(metrics["accuracy.few"].value)
    assert bundle.manifest.pipeline.parameters["landmarks_alone"]
    assert bundle.manifest.metrics["accuracy.landmarks_alone"].samples == prepared["test"]


def test_who_has_neither_data_nor_weights_hears_of_the_data_first(make_recipe: Make, tmp_path: Path) -> None:
    data = [{"kind": "folders", "path": "own", "licence": "mine"}]
    recipe = make_recipe(network="mobilefacenet", features={"kind": "aligned_crop"}, data=data)
    with pytest.raises(NotFound, match=str(tmp_path / "own")):
        ExpressionTrainer(recipe, tmp_path).data_files()
    (tmp_path / "own" / "happy").mkdir(parents=True)
    with pytest.raises(NotFound, match="MobileFaceNet's weights are not at"):
        ExpressionTrainer(recipe, tmp_path).data_files()
