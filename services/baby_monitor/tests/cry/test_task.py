from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from baby_monitor.cry.data import check_folder
from baby_monitor.cry.labels import CRY, NO_CRY
from baby_monitor.cry.network import AdjustedLoss, build_network, log_shares
from baby_monitor.cry.recipe import CryRecipe
from baby_monitor.cry.synthetic import RATE, crying, room
from baby_monitor.cry.task import CryTrainer
from pipit.bundle import Bundle, open_bundle
from pipit.bundle.golden import check_golden, read_golden
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import PcmAudio
from pipit.pipelines.served import serve_bundle
from pipit.settings import DataSettings, load_settings
from pipit.training.bundle_evaluation import evaluate_bundle
from pipit.training.by_input.audio.networks.yamnet_file import FILE
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe, recipe_names
from pipit.training.run import Run, open_run
from pipit.training.steps import actions_of, run_steps
from pipit.training.trainer import load_trainer
from pydantic import ValidationError

TASK = "baby_monitor.cry"
Made = tuple[CryTrainer, Run, Bundle]

GATED: dict[str, Any] = {
    "network": "yamnet",
    "gate": "yamnet",
    "data": [
        {"kind": "cries", "path": "synthetic_cry", "licence": ""},
        {"kind": "background", "path": "quiet", "licence": "", "piece_seconds": 2.0},
    ],
    "reasons": {"hungry": "hungry", "ache": "pain", "tired": ""},
    "episodes": {"enter": 0.5, "exit": 0.3, "hits": 2, "answer_after": 4},
    "augmentation": {"copies": 1, "pitch_shift": [0.0, 0.0], "time_stretch": [1.0, 1.0]},
    "epochs": 8,
    "optimiser": {"learning_rate": 0.05},
}


def recipe_of(name: str, **changes: Any) -> CryRecipe:
    return load_recipe(find_recipe(CryTrainer.recipe_folder, TASK, name), CryRecipe, changes)


@contextmanager
def made(recipe: CryRecipe, data: Path, folder: Path) -> Iterator[Made]:
    trainer = CryTrainer(recipe, data)
    with open_run(trainer, folder / "runs") as run:
        run_steps(run, actions_of(trainer))
        yield trainer, run, make_bundle(trainer, run, FIRST_VERSION, run.output("publish") / "bundle")


@pytest.fixture(scope="module")
def gated(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Trained on two reasons, with a gate."""
    with made(recipe_of("synthetic", **GATED), data, tmp_path_factory.mktemp("gated")) as found:
        yield found


def test_every_recipe_is_one_and_unknown_labels_are_told_from_those_left_out() -> None:
    assert load_trainer(TASK) is CryTrainer
    assert recipe_names(CryTrainer.recipe_folder, TASK) == (
        "distilhubert",
        "hubert",
        "student",
        "synthetic",
        "whisper",
        "yamnet",
    )
    recipe = recipe_of("yamnet")
    meant = {name: recipe.label_of(name) for name in ("belly_pain", "discomfort", "burping", "tired", "happy", "owl")}
    assert meant == {
        "belly_pain": "pain",
        "discomfort": "pain",
        "burping": "",
        "tired": "tired",
        "happy": "happy",
        "owl": None,
    }
    with pytest.raises(InvalidInput, match="set gate to yamnet"):
        recipe_of("yamnet", gate="none")
    with pytest.raises(ValidationError, match="exit must not exceed enter"):
        CryRecipe.model_validate({**recipe.model_dump(), "episodes": {"enter": 0.2, "exit": 0.3}})


def test_its_data_can_be_checked(data: Path) -> None:
    report = check_folder(data / "synthetic_cry", lambda done, total: None)
    assert report.problems == ()
    assert dict(report.classes) == {"hungry": 20, "pain": 20, "tired": 20}
    assert report.recordings == 10


@pytest.mark.slow
def test_it_trains_and_its_bundle_answers(data: Path, tmp_path: Path) -> None:
    with made(recipe_of("synthetic"), data, tmp_path) as (_, _, bundle):
        metrics = bundle.manifest.metrics
        assert metrics["cries.accuracy"].value > 0.6
        assert metrics["cries.baseline.accuracy"].value == pytest.approx(1 / 3)
        assert bundle.manifest.labels == ("hungry", "pain", "tired")
        assert bundle.manifest.networks == {}
        # A bundle in its run is asked about the test side alone, and a server's way gives what training measured.
        found = evaluate_bundle(open_bundle(bundle.path), [data / "synthetic_cry"])
        assert found.metrics["accuracy"] == metrics["accuracy"]


@pytest.mark.slow
def test_no_recorder_stands_on_two_sides_and_what_is_no_cry_trains_nothing(gated: Made) -> None:
    trainer, run, _ = gated
    sides = {side: trainer.entries(run, side) for side in ("train", "validation", "test")}
    groups = {side: {entry["group"] for entry in entries} for side, entries in sides.items()}
    assert groups["train"].isdisjoint(groups["validation"] | groups["test"])
    assert groups["validation"].isdisjoint(groups["test"])
    assert {entry["label"] for entry in sides["train"]} == {"hungry", "pain"}
    quiet = {side: sum(entry["label"] == NO_CRY for entry in entries) for side, entries in sides.items()}
    assert quiet == {"train": 0, "validation": 12, "test": 12}


@pytest.mark.slow
def test_a_bundle_with_a_gate_says_no_cry_and_counts_false_alarms(gated: Made, data: Path) -> None:
    _, _, bundle = gated
    manifest = bundle.manifest
    assert manifest.labels == (NO_CRY, "hungry", "pain")
    assert manifest.networks["yamnet"].runtime == "onnx"
    assert manifest.decision.background == NO_CRY
    metrics = {name: metric.value for name, metric in manifest.metrics.items()}
    assert metrics["gate.cries_heard"] == 1.0
    assert metrics["gate.false_alarm_rate"] == 0.0
    assert metrics["background.false_alarms_per_hour"] == 0.0
    assert metrics["cries.accuracy"] > 0.9
    assert metrics["recall.no_cry"] == 1.0
    with serve_bundle(open_bundle(bundle.path)) as served:
        assert check_golden(bundle, "float32", served.pipeline, served.runtime) == 0.0
        sound = np.concatenate([room(4.0), crying(3.0, 77), room(4.0)])[:, np.newaxis]
        (answer,) = served.answer(PcmAudio(sound, RATE))
        assert answer.label == "hungry"
        labels = [prediction.label for prediction in served.stream([PcmAudio(sound, RATE)])]
        assert labels.count("hungry") == 1
        assert set(labels) == {NO_CRY, "hungry"}
    # Golden samples go through network and gate alike.
    kinds = {type(sample.item).__name__ for sample in read_golden(bundle.file("golden.npz"))}
    assert kinds == {"TensorInput", "EncodedAudio"}


@pytest.mark.slow
def test_labels_mean_what_they_meant_in_training(gated: Made, data: Path, tmp_path: Path) -> None:
    _, _, bundle = gated
    for theirs, name in (("ache", "pain"), ("tired", "tired")):
        (tmp_path / theirs).symlink_to(data / "synthetic_cry" / name)
    found = evaluate_bundle(open_bundle(bundle.path), [tmp_path])
    assert found.answers is not None
    assert {one.label for one in found.answers.asked.examples} == {"pain"}
    assert len(found.answers.asked.truth) == 20
    assert found.answers.as_background == {}
    assert found.metrics["recall.pain"].value > 0.9


@pytest.mark.slow
def test_the_gate_counts_in_the_size_of_what_serves(gated: Made, data: Path) -> None:
    _, _, bundle = gated
    files = bundle.weights("float32"), bundle.file(bundle.manifest.networks["yamnet"].file)
    size = sum(path.stat().st_size for path in files) / 1e6
    assert bundle.manifest.metrics["size_mb"].value == pytest.approx(size)
    found = evaluate_bundle(open_bundle(bundle.path), [data / "synthetic_cry"], variant="int8", with_training=True)
    saved = (files[0].stat().st_size - bundle.weights("int8").stat().st_size) / 1e6
    assert found.metrics["size_mb"].value == pytest.approx(size - saved)


@pytest.mark.slow
def test_critical_labels_need_more_and_rare_ones_are_experimental(gated: Made) -> None:
    trainer, run, bundle = gated
    decision = bundle.manifest.decision
    assert decision.experimental == ()
    validation = trainer.side(run, "validation")
    scores = trainer.scores(
        run, trainer.kit.outputs(trainer.kit.load(run.output("fit"), lambda: trainer.build(run)), validation.rows)
    )
    # Settled again by the very scores that it is compared with: a threshold is as exact as they are.
    settled = trainer.choose_decision(run, validation, scores)
    assert settled.thresholds == pytest.approx(decision.thresholds, abs=1e-3)
    strict = CryTrainer(trainer.recipe.model_copy(update={"fewest_babies": 10}), trainer.data)
    assert set(strict.choose_decision(run, validation, scores).experimental) == {"hungry", "pain"}
    # A false positive rate that allows anything against one that allows nothing.
    loose = trainer.recipe.critical.model_copy(update={"labels": (), "false_positive_rate": 0.5})
    free = CryTrainer(trainer.recipe.model_copy(update={"critical": loose}), trainer.data)
    assert settled.thresholds["pain"] >= free.choose_decision(run, validation, scores).thresholds["pain"]
    # What is no cry is always sure; how sure a reason has to be is settled among cries.
    cries = np.sort(scores[validation.truth > 0], axis=1)
    assert settled.unknown_below <= cries[:, -1].max()
    margins = cries[:, -1] - cries[:, -2]
    assert (margins < settled.uncertain_margin).mean() <= trainer.recipe.thresholds.uncertain_share


def test_without_the_gate_s_file_it_says_how_to_get_it(data: Path, tmp_path: Path) -> None:
    (tmp_path / "synthetic_cry").symlink_to(data / "synthetic_cry")
    (tmp_path / "quiet").symlink_to(data / "quiet")
    with pytest.raises(NotFound, match="pipit data fetch yamnet"):
        CryTrainer(recipe_of("synthetic", **GATED), tmp_path).data_files()


def test_a_label_that_nobody_knows_stops_the_training(data: Path, tmp_path: Path) -> None:
    trainer = CryTrainer(recipe_of("synthetic", reasons={"hungry": "hungry"}), data)
    with open_run(trainer, tmp_path / "runs") as run:
        assert trainer.prepare(run)["bad_files"] == 0
    (tmp_path / "synthetic_cry" / "bored").mkdir(parents=True)
    (tmp_path / "synthetic_cry" / "bored" / "a_1.wav").write_bytes(
        (data / "synthetic_cry" / "hungry" / "recorder00_0.wav").read_bytes()
    )
    trainer = CryTrainer(recipe_of("synthetic"), tmp_path)
    with (
        open_run(trainer, tmp_path / "runs") as run,
        pytest.raises(InvalidInput, match="nobody knows the label 'bored'; put it into the recipe's reasons"),
    ):
        trainer.prepare(run)


def test_the_gate_s_score_goes_through_every_network() -> None:
    for name, shape in (("yamnet", (1024,)), ("small", (64, 198)), ("student", (64, 198))):
        recipe = recipe_of("yamnet", network=name)
        network = build_network(recipe, shape, 3).eval()
        rows = torch.randn(2, 1 + int(np.prod(shape)))
        found = network(rows)
        assert found.shape == (2, 4)
        torch.testing.assert_close(found[:, 0], rows[:, 0])


def test_the_loss_makes_up_for_rare_reasons() -> None:
    shares = log_shares(np.array([0] * 9 + [1], np.int64), 2)
    np.testing.assert_allclose(np.exp(shares), [0.9, 0.1], rtol=1e-6)
    outputs, target = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([1])
    assert AdjustedLoss(shares, 0.0)(outputs, target).item() == pytest.approx(np.log(2.0))
    # Where the network has no opinion, the loss takes it to expect what is common.
    assert AdjustedLoss(shares, 1.0)(outputs, target).item() == pytest.approx(-np.log(0.1), rel=1e-6)


@pytest.mark.data
def test_the_gate_hears_real_babies_and_no_other_sounds_of_a_house(tmp_path: Path) -> None:
    data = load_settings(DataSettings).data
    if data is None or not all((data / part).exists() for part in ("baby_cry", "esc50/meta/esc50.csv", FILE)):
        pytest.skip("needs baby_cry, esc50 and YAMNet; set PIPIT_DATA")
    recipe = recipe_of("yamnet")
    trainer = CryTrainer(recipe.model_copy(update={"data": recipe.data[:3]}), data)
    babies, others = ([clip for clip in trainer.sources.items() if clip.category == kind] for kind in (CRY, NO_CRY))
    assert trainer.sources.problems() == []
    assert len({clip.recording for clip in trainer.sources.items() if clip.category == "pain"}) == 16
    with open_run(trainer, tmp_path / "runs") as run:
        chosen = [*babies[:12], *others[::10]]
        features, problems = trainer.features(run, chosen, 0)
    assert problems == []
    heard = {clip.name: features[clip.name][0, 0] >= recipe.episodes.enter for clip in chosen}
    assert np.mean([heard[clip.name] for clip in babies[:12]]) >= 0.9
    assert np.mean([heard[clip.name] for clip in others[::10]]) <= 0.05
