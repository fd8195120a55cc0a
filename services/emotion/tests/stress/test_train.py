from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emotion.stress.data import recordings_of
from emotion.stress.pipeline import StressPipeline
from emotion.stress.recipe import StressRecipe
from emotion.stress.recordings import Recording
from emotion.stress.swell import FILE
from emotion.stress.synthetic import synthesise_faces
from emotion.stress.task import StressTrainer
from pipit.bundle.gates import check_gates
from pipit.bundle.golden import check_golden
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import InputSequence, Landmarks, TensorInput
from pipit.landmarks.extract import extract_folder
from pipit.runtimes import load_runtime
from pipit.training.bundle_evaluation import evaluate_bundle
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps

Make = Callable[..., StressRecipe]


def _recipe(name: str, **overrides: object) -> StressRecipe:
    """Two rounds of cross-validation: every participant is tested all the same."""
    changes = {"crossvalidation_rounds": 2, **overrides}
    return load_recipe(find_recipe(StressTrainer.recipe_folder, "emotion.stress", name), StressRecipe, changes)


def _bundle(recipe: StressRecipe, data: Path, folder: Path) -> tuple[Any, dict[str, list[str]], StressTrainer]:
    trainer = StressTrainer(recipe, data)
    with open_run(trainer, folder / "runs") as run:
        outcomes = run_steps(run, actions_of(trainer))
        assert [outcome.ran for outcome in outcomes] == [True] * 5
        assert not any(outcome.ran for outcome in run_steps(run, actions_of(trainer)))
        bundle = make_bundle(trainer, run, FIRST_VERSION, run.output("publish") / "bundle")
        return bundle, run.read_json("prepare", "participants.json"), trainer


def _scores(bundle: Any, recording: Recording) -> np.ndarray:
    """What the device says of a recording, step by step, by the variant that serves."""
    pipeline = StressPipeline(bundle.manifest)
    runtime = load_runtime(bundle.weights(bundle.manifest.default_variant), "onnx")
    decoded = pipeline.decode(TensorInput(pipeline.signals.name, recording.values))
    answers = pipeline.interpret(runtime.run(decoded.tensors), decoded)
    runtime.close()
    return np.array([next(s.score for s in answer.scores if s.label == "stressed") for answer in answers])


@pytest.mark.slow
def test_from_synthetic_minutes_to_a_bundle_that_answers(synthetic: Path, tmp_path: Path) -> None:
    bundle, people, trainer = _bundle(_recipe("synthetic", epochs=15), synthetic.parent, tmp_path)
    manifest = bundle.manifest
    assert manifest.labels == ("calm", "stressed")
    assert manifest.name == "tcn-float32-v1.0.0"
    assert [variant.name for variant in manifest.variants] == ["float32", "int8"]
    assert (manifest.input.kind, manifest.input.shape) == ("sequence", (5, 6))
    assert manifest.networks == {}
    assert (manifest.decision.background, manifest.decision.experimental) == ("calm", ())
    assert {"report/evaluation.json", "report/model_card.md", "report/reliability.png"} <= set(manifest.files)
    assert {gate.metric for gate in manifest.gates} <= set(manifest.metrics)
    assert all(gate.passed for gate in check_gates(manifest.gates, manifest.metrics))
    for name in ("auc", "crossvalidated.auc", "crossvalidated.auc.within_participant"):
        area = manifest.metrics[name]
        assert area.low is not None
        assert area.low < area.value < area.high
    assert manifest.metrics["crossvalidated.auc"].samples > 2 * manifest.metrics["auc"].samples
    assert "Experimental" not in (bundle.path / "report" / "model_card.md").read_text()
    assert manifest.metrics["reference.clock.auc"].value < 0.75
    pipeline = StressPipeline(manifest)
    for variant in ("float32", "int8"):
        runtime = load_runtime(bundle.weights(variant), "onnx")
        assert check_golden(bundle, variant, pipeline, runtime) == 0.0
        runtime.close()
    # The device, given a recording as it was made, says what the trainer measured.
    right, count = 0, 0
    for recording in recordings_of(trainer.sources.items(), people["test"]):
        known = np.isfinite(recording.values).any(axis=1)
        for end, score in enumerate(_scores(bundle, recording), start=4):
            if known[end - 4 : end + 1].any():
                right += (score > 0.5) == recording.score[end]
                count += 1
    assert count == manifest.metrics["accuracy"].samples
    assert right / count == pytest.approx(manifest.metrics["accuracy"].value)
    measured = evaluate_bundle(bundle, [synthetic])
    for name in ("accuracy", "detection_rate.stressed", "background_alarm_rate"):
        assert measured.metrics[name] == manifest.metrics[name], name
    # Two windows whose scores differ by a last digit alone may change places.
    assert measured.metrics["auc"].value == pytest.approx(manifest.metrics["auc"].value, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["lstm", "small"])
def test_each_network_becomes_a_bundle(make_recipe: Make, synthetic: Path, tmp_path: Path, network: str) -> None:
    recipe = make_recipe(network=network, epochs=4, network_options={"hidden": 8})
    bundle, _, _ = _bundle(recipe, synthetic.parent, tmp_path)
    assert bundle.manifest.model_type == network
    assert bundle.manifest.metrics["int8_loss_points"].value < 5.0


@pytest.mark.slow
def test_from_own_recordings_to_a_bundle_that_takes_landmarks(own: Path, tmp_path: Path) -> None:
    overrides: dict[str, object] = {
        "features.window": 8,
        "features.hop": 2,
        "epochs": 8,
        "optimiser.learning_rate": 0.01,
        "network_options.hidden": 8,
    }
    bundle, people, _ = _bundle(_recipe("landmarks", **overrides), own.parent, tmp_path)
    assert bundle.manifest.name == "lstm-int8-v1.0.0"
    assert bundle.manifest.input.shape == (8, 1538)
    assert list(bundle.manifest.networks) == ["face_detector", "face_landmarks", "body_detector", "body_landmarks"]
    assert {len(names) for names in people.values()} <= {1, 2, 3, 4}
    assert bundle.manifest.metrics["auc"].value > 0.8
    pipeline = StressPipeline(bundle.manifest)
    runtime = load_runtime(bundle.weights("int8"), "onnx")
    assert check_golden(bundle, "int8", pipeline, runtime) == 0.0
    faces = np.concatenate([synthesise_faces(16, np.random.default_rng(99), strain) for strain in (0.0, 1.0)])
    decoded = pipeline.decode(InputSequence(tuple(Landmarks(face) for face in faces)))
    answers = pipeline.interpret(runtime.run(decoded.tensors), decoded)
    runtime.close()
    assert len(answers) == 13
    assert [answer.region.end for answer in answers] == [8.0 + 2 * i for i in range(13)]


@pytest.mark.slow
@pytest.mark.data
def test_from_real_minutes_to_a_bundle_whose_card_tells_what_it_is_worth(real_data: Path, tmp_path: Path) -> None:
    bundle, people, _ = _bundle(_recipe("small", epochs=10), real_data, tmp_path)
    names = [name for side in people.values() for name in side]
    assert len(names) == len(set(names)) == 20
    metrics = bundle.manifest.metrics
    # The order of the study's conditions gives the answer away; no network may be let near it.
    assert metrics["reference.clock.auc"].value > 0.9
    assert metrics["auc"].value < 0.85
    assert 0.3 < metrics["accuracy"].value < 0.85
    assert metrics["accuracy"].low is not None
    gates = {gate.name: gate.passed for gate in check_gates(bundle.manifest.gates, metrics)}
    assert gates["fits"]
    card = (bundle.path / "report" / "model_card.md").read_text()
    # Nobody has shown that its scores mean anything: no answer may say that somebody is calm, or stressed.
    within = metrics["crossvalidated.auc.within_participant"]
    assert within.low is not None
    assert within.low < 0.5
    assert metrics["crossvalidated.auc"].value < 0.75
    assert metrics["crossvalidated.auc"].samples > 1900
    assert (bundle.manifest.decision.background, bundle.manifest.decision.experimental) == (None, ("calm", "stressed"))
    assert not gates["ranks stress above calm"]
    assert "Experimental, so that no answer says calm or stressed" in card
    pipeline = StressPipeline(bundle.manifest)
    runtime = load_runtime(bundle.weights("float32"), "onnx")
    minutes = np.array([[60, 0.06, 2], [95, 0.02, 9]], np.float32).repeat(8, axis=0)
    decoded = pipeline.decode(TensorInput("physiology", minutes))
    answers = pipeline.interpret(runtime.run(decoded.tensors), decoded)
    runtime.close()
    assert len(answers) == 12
    assert {(answer.label, answer.unknown) for answer in answers} == {("", True)}
    assert {(s.detected, s.experimental) for answer in answers for s in answer.scores} == {(False, True)}
    assert "no medical device" in card
    assert "everybody was neutral first" in card
    assert "reference.clock.auc" in card


@pytest.mark.slow
@pytest.mark.data
def test_pictures_of_real_faces_become_a_bundle(
    real_faces: Path, tmp_path: Path, write_scores: Callable[..., None]
) -> None:
    """Nobody in them said how stressed they were: the scores are made up, and only the way is tried."""
    folder = tmp_path / "data" / "own_stress"
    pictures, rows = folder / "pictures", []
    calm, angry = (sorted((real_faces / name).glob("*.jpg")) for name in ("neutral", "angry"))
    for person in range(5):
        (pictures / f"p{person}").mkdir(parents=True)
        shown = [*calm[8 * person : 8 * person + 8], *angry[8 * person : 8 * person + 8]]
        for number, path in enumerate(shown):
            (pictures / f"p{person}" / f"{number:02d}.jpg").symlink_to(path)
        rows += [(f"p{person}", f"p{person}", 0, 8, 1), (f"p{person}", f"p{person}", 8, 16, 9)]
    write_scores(folder, rows)
    table = extract_folder(pictures, folder / "landmarks.npz", processes=1)
    assert table.problems == {}
    overrides: dict[str, object] = {"features.window": 3, "features.hop": 1, "epochs": 2, "network_options.hidden": 4}
    bundle, people, _ = _bundle(_recipe("landmarks", **overrides), folder.parent, tmp_path)
    assert sum(len(names) for names in people.values()) == 5
    assert bundle.manifest.metrics["accuracy"].samples >= 10
    assert "what a few people said of themselves" in (bundle.path / "report" / "model_card.md").read_text()


def test_bad_rows_stop_the_training_each_by_name_unless_they_may_be_skipped(
    make_recipe: Make, synthetic: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "broken"
    folder.mkdir(parents=True)
    text = (synthetic / FILE).read_text().replace(",R,", ",Q,", 1)
    (folder / FILE).write_text(text)
    data = [{"kind": "swell", "path": "broken", "licence": "none needed"}]
    trainer = StressTrainer(make_recipe(data=data), tmp_path / "data")
    told = r"set skip_bad_files:\n.*line 2: condition 'Q'"
    with open_run(trainer, tmp_path / "runs") as run, pytest.raises(InvalidInput, match=told):
        run_steps(run, actions_of(trainer), "prepare")
    trainer = StressTrainer(make_recipe(data=data, skip_bad_files=True), tmp_path / "data")
    with open_run(trainer, tmp_path / "runs") as run:
        (outcome,) = run_steps(run, actions_of(trainer), "prepare")
    assert outcome.record.facts["bad_files"] == 1
    assert outcome.record.facts["participants"] == {"train": 9, "validation": 3, "test": 3}


def test_missing_data_and_data_of_one_label_say_so(make_recipe: Make, synthetic: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="PIPIT_DATA"):
        StressTrainer(make_recipe(), None).data_files()
    with pytest.raises(NotFound, match="synthetic_stress"):
        StressTrainer(make_recipe(), tmp_path).data_files()
    (tmp_path / "calm").mkdir()
    text = (synthetic / FILE).read_text().replace(",I,", ",N,").replace(",T,", ",N,")
    (tmp_path / "calm" / FILE).write_text(text)
    trainer = StressTrainer(make_recipe(data=[{"kind": "swell", "path": "calm", "licence": "x"}]), tmp_path)
    with open_run(trainer, tmp_path / "runs") as run, pytest.raises(InvalidInput, match="windows of both labels"):
        trainer.prepare(run)


def test_the_digest_of_the_data_does_not_depend_on_where_it_lies(make_recipe: Make, synthetic: Path) -> None:
    files = StressTrainer(make_recipe(), synthetic.parent).data_files()
    assert list(files) == [f"synthetic_stress/{FILE}"]


@pytest.mark.slow
def test_what_prepare_leaves_is_what_training_people_had(make_recipe: Make, synthetic: Path, tmp_path: Path) -> None:
    trainer = StressTrainer(make_recipe(), synthetic.parent)
    with open_run(trainer, tmp_path / "runs") as run:
        run_steps(run, actions_of(trainer), "prepare")
        prior = json.loads((run.folder / "prepare" / "prior.json").read_bytes())
        people = run.read_json("prepare", "participants.json")
    own = [r.values[:, 0] for r in recordings_of(trainer.sources.items(), people["train"])]
    by_person = [np.nanmean(np.concatenate(own[i : i + 3])) for i in range(0, len(own), 3)]
    assert prior["mean"][0] == pytest.approx(np.mean(by_person), rel=1e-4)
