from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footprints.names import names_of
from footprints.species.measure import BARE_GROUND, further_metrics
from footprints.species.recipe import SpeciesRecipe
from footprints.species.synthetic import ANIMALS
from footprints.species.task import SpeciesTrainer
from PIL import Image
from pipit.bundle import Bundle
from pipit.bundle.golden import check_golden
from pipit.bundle.manifest import Decision
from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage
from pipit.pipelines.networks import open_pipeline
from pipit.runtimes import load_runtime
from pipit.training.bundle_evaluation import evaluate_bundle
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe, recipe_names
from pipit.training.run import Run, open_run
from pipit.training.steps import actions_of, run_steps
from pydantic import ValidationError

# Of Keras' own code.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*np.object.*:FutureWarning"),
]

Make = Callable[..., SpeciesRecipe]
TASK = "footprints.species"
PLATEAU = {"schedule": "plateau", "warmup_epochs": 1}


def train(trainer: SpeciesTrainer, folder: Path, quiet: Any) -> tuple[Run, Bundle, Mapping[str, Any]]:
    with open_run(trainer, folder / "runs", quiet) as run:
        outcomes = run_steps(run, actions_of(trainer))
        bundle = make_bundle(trainer, run, FIRST_VERSION, run.output("publish") / "bundle")
    return run, bundle, outcomes[0].record.facts


def test_recipes_are_valid_and_refuse_what_does_not_fit(make_recipe: Make) -> None:
    assert set(recipe_names(SpeciesTrainer.recipe_folder, TASK)) >= {"guide", "synthetic", "together", "tuned"}
    for name in recipe_names(SpeciesTrainer.recipe_folder, TASK):
        recipe = load_recipe(find_recipe(SpeciesTrainer.recipe_folder, TASK, name), SpeciesRecipe)
        loss = f"{recipe.export.variants[1]}_loss_points"
        metrics = [gate.metric for gate in recipe.gates]
        assert (metrics[0], metrics[-2:]) == ("accuracy", [loss, "size_mb"])
    with pytest.raises(ValidationError, match="two stages bear one name"):
        make_recipe(stages=[{"name": "frozen"}, {"name": "frozen"}])
    with pytest.raises(ValidationError, match="data that the recipe has not: elsewhere"):
        make_recipe(stages=[{"name": "frozen", "data": ["elsewhere"]}])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 2}, "epochs changes nothing here: each of `stages` has its own"),
        ({"batch_size": 2}, "batch_size changes nothing here"),
        ({"early_stopping_patience": 2}, "early_stopping_patience changes nothing here"),
        ({"optimiser": {"name": "sgd"}}, "optimiser changes nothing here"),
        ({"crops": {"margin": 0.3}}, "margin is around a print that the detector found"),
        (
            {"stages": [{"name": "frozen", "last_layers": 157}]},
            "last_layers is over 156: mobilenet_v3_small has no more",
        ),
        ({"stages": [{"name": "frozen", "optimiser": PLATEAU}]}, "plateau begins with the whole rate"),
        ({"export": {"variants": ["float32", "int4"]}}, "should be 'float32', 'dynamic' or 'int8'"),
        ({"split": {"rule": "fold", "test_folds": ["1"], "validation_folds": ["2"]}}, "should be 'group'"),
    ],
)
def test_a_recipe_cant_name_what_the_trainer_does_not_do(
    make_recipe: Make, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        make_recipe(**changes)


def test_a_recipe_with_its_defaults_written_out_is_read_again(make_recipe: Make) -> None:
    recipe = make_recipe()
    assert SpeciesRecipe.model_validate(recipe.model_dump(mode="json")) == recipe
    (stage,) = recipe.stages
    assert recipe.for_stage(stage).batch_size == stage.batch_size == 8


def test_the_guide_is_as_the_issue_gives_it() -> None:
    guide = load_recipe(find_recipe(SpeciesTrainer.recipe_folder, TASK, "guide"), SpeciesRecipe)
    first, second, third = guide.stages
    assert (first.optimiser.name, first.batch_size, first.early_stopping_patience) == ("adamax", 16, 3)
    assert (first.last_layers, second.last_layers, second.batch_size, third.batch_size) == (0, 0, 32, 32)
    assert (third.optimiser.name, third.optimiser.learning_rate, third.early_stopping_patience) == ("adam", 1e-5, 5)
    assert third.last_layers > 0
    assert (guide.head.units, guide.head.dropout) == (512, 0.3)


@pytest.mark.slow
def test_from_drawn_prints_to_a_bundle_that_answers(make_recipe: Make, drawn: Path, tmp_path: Path, quiet: Any) -> None:
    trainer = SpeciesTrainer(make_recipe(), drawn)
    run, bundle, prepared = train(trainer, tmp_path, quiet)
    assert (prepared["train"], prepared["validation"], prepared["test"]) == (27, 9, 12)
    parity = run.read_json("verify", "parity.json")
    assert parity["float32"]["largest_difference"] < 1e-4
    manifest = bundle.manifest
    assert manifest.labels == tuple(sorted(ANIMALS))
    assert manifest.metrics["accuracy"].value > 0.6
    assert 1.0 < manifest.metrics["size_mb"].value < 2.0
    assert "unknown_rate.without_print" not in manifest.metrics
    assert {"names.json", "report/evaluation.json", "report/model_card.md"} <= set(manifest.files)
    assert not [name for name in manifest.files if "mistakes" in name]
    assert (run.folder / "verify" / "mistakes.png").is_file()
    assert run.read_json("verify", "names.json") == names_of(manifest.labels)
    assert (run.folder / "fit" / "mobilenet_v3_small" / "1_frozen.keras").is_file()
    with open_pipeline(bundle) as pipeline:
        for variant in ("float32", "int8"):
            runtime = load_runtime(bundle.weights(variant), "litert")
            assert check_golden(bundle, variant, pipeline, runtime) < 1e-6
            right = [
                pipeline.interpret(runtime.run(decoded.tensors), decoded)[0].scores[0].label == path.parent.name
                for path in sorted((drawn / "synthetic_species").glob("*/00*.jpg"))[::3]
                for decoded in (pipeline.decode(EncodedImage(path.read_bytes())),)
            ]
            runtime.close()
            assert np.mean(right) > 0.6
    _check_evaluation(bundle, drawn / "synthetic_species", tmp_path)


def _check_evaluation(bundle: Any, data: Path, folder: Path) -> None:
    """A bundle in its run is asked about the test side alone; a server's way gives what training measured."""
    found = evaluate_bundle(bundle, [data])
    for name in ("accuracy", "macro_f1", "mean_class_accuracy", "top3_accuracy", "unknown_rate.prints"):
        assert found.metrics[name] == bundle.manifest.metrics[name], name
    (folder / "own/dodo").mkdir(parents=True)
    (folder / "own/drawn_cat").mkdir()
    for kind, name in (("dodo", "a.png"), ("drawn_cat", "b.png")):
        Image.new("RGB", (128, 128), (90, 90, 90)).save(folder / "own" / kind / name)
    other = evaluate_bundle(bundle, [folder / "own"])
    assert other.answers is not None
    assert {label: len(said) for label, said in other.answers.strangers.items()} == {"dodo": 1}
    assert other.metrics["accuracy"].samples == other.metrics["strangers.unknown_rate"].samples == 1


def test_bad_files_and_torn_pairs_are_named(make_recipe: Make, drawn: Path, tmp_path: Path, quiet: Any) -> None:
    own = tmp_path / "own"
    for part, numbers in (("train", range(8)), ("val", range(6, 9))):
        for animal in ("drawn_cat", "drawn_bird"):
            (own / part / animal).mkdir(parents=True)
            for number in numbers:
                name = f"{number:03d}.jpg"
                (own / part / animal / name).symlink_to(drawn / "synthetic_species" / animal / name)
    data = [{"path": "own", "licence": "mine"}]
    trainer = SpeciesTrainer(make_recipe(data=data), tmp_path)
    with open_run(trainer, tmp_path / "runs", quiet) as run:
        facts = trainer.prepare(run)
        assert facts["torn_pairs"] >= 4
        assert facts["test"] == 2
        assert {entry["name"] for entry in trainer.entries(run, "test")} == {
            "own/val/drawn_bird/008.jpg",
            "own/val/drawn_cat/008.jpg",
        }
        for entry, pixels in zip(trainer.entries(run, "train"), trainer.side(run, "train").rows, strict=True):
            with Image.open(run.folder / "prepare" / entry["file"]) as stored:
                np.testing.assert_array_equal(pixels, np.asarray(stored))
    assert any("own/train/drawn_cat/006.jpg and own/val/drawn_cat/006.jpg" in line for line in quiet.said)
    (own / "train" / "drawn_cat" / "broken.jpg").write_bytes(b"no picture")
    trainer = SpeciesTrainer(make_recipe(data=data), tmp_path)
    with (
        open_run(trainer, tmp_path / "runs", quiet) as run,
        pytest.raises(InvalidInput, match=r"broken\.jpg: not a pict"),
    ):
        trainer.prepare(run)
    trainer = SpeciesTrainer(make_recipe(data=data, skip_bad_files=True), tmp_path)
    with open_run(trainer, tmp_path / "runs", quiet) as run:
        assert trainer.prepare(run)["bad_files"] == 1


def test_what_only_species_measure() -> None:
    labels = ("chien", "lapin", "loup")
    decision = Decision(
        groups={"canid": ("chien", "loup")}, thresholds={"canid": 0.55, **dict.fromkeys(labels, 0.6)}, unknown_below=0.5
    )
    scores = np.array([[0.7, 0.2, 0.1], [0.35, 0.2, 0.3], [0.1, 0.2, 0.6], [0.4, 0.45, 0.1]], np.float32)
    truth, groups = np.array([0, 0, 1, 1]), np.array(list("abcd"), dtype=object)
    without = {"faces": scores[3:] / 10, BARE_GROUND: scores[:2]}
    region_scores = np.array([0.9, 0.0, 0.8, 0.0])
    found = further_metrics(labels, scores, truth, groups, decision, without, region_scores, 1)
    # Said: chien, canid, loup (wrong), nothing.
    expected = {
        "mean_class_accuracy": 0.75,
        "top3_accuracy": 1.0,
        "family_accuracy": 0.5,
        "baseline.family_accuracy": 0.5,
        "said.share": 0.75,
        "said.right": 2 / 3,
        "said.species_share": 0.5,
        "said.species_right": 0.5,
        "said.family_share": 0.25,
        "said.family_right": 1.0,
        "unknown_rate.prints": 0.25,
        "unknown_rate.without_print": 1.0,
        "unknown_rate.faces": 1.0,
        "unknown_rate.bare_ground": 0.0,
        "likeness_area.faces": 1.0,
        "detection_rate": 0.5,
        # The surest first: right, wrong, right, right.
        "risk_coverage_area": 1 - (1 + 1 / 2 + 2 / 3 + 3 / 4) / 4,
    }
    assert {name: found[name].value for name in expected} == pytest.approx(expected)
    bare = further_metrics(labels, scores, truth, groups, Decision(), {}, None, 1)
    assert not [
        name for name in bare if name.startswith("unknown_rate.w") or name in ("said.family_right", "detection_rate")
    ]


@pytest.mark.slow
@pytest.mark.data
def test_from_a_few_real_photographs_to_a_bundle_by_the_published_backbone(
    make_recipe: Make, real_prints: Path, tmp_path: Path, quiet: Any
) -> None:
    for species in ("castor", "lapin", "raton_laveur"):
        (tmp_path / "few" / species).mkdir(parents=True)
        for path in sorted((real_prints / "footprints" / "train" / species).iterdir())[:16]:
            (tmp_path / "few" / species / path.name).symlink_to(path)
    (tmp_path / "backbones").symlink_to(real_prints / "backbones")
    (tmp_path / "faces").symlink_to(real_prints / "faces")
    recipe = make_recipe(
        network="efficientnet_lite0",
        weights="imagenet",
        beside={"network": "mobilenet_v3_small", "stages": [{"name": "frozen", "epochs": 4, "batch_size": 16}]},
        thresholds={"right_share": 0.5},
        export={"variants": ["float32", "dynamic"], "default_variant": "dynamic"},
        data=[{"path": "few", "licence": "research"}],
        without_print=["faces", "absent"],
        without_print_samples=10,
        stages=[
            {"name": "frozen", "epochs": 6, "batch_size": 16, "optimiser": {"name": "adamax"}},
            {"name": "last_layers", "epochs": 1, "batch_size": 16, "last_layers": 11},
        ],
    )
    _, bundle, prepared = train(SpeciesTrainer(recipe, tmp_path), tmp_path, quiet)
    assert sum(prepared[side] for side in ("train", "validation", "test")) == 48
    assert bundle.manifest.metrics["unknown_rate.without_print"].samples == 10
    assert bundle.manifest.metrics["top3_accuracy"].value == 1.0
    assert "without a print: {'faces': 10}" in quiet.said
