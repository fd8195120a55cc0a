from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import soundfile
from home_security.sounds.network import train_network
from home_security.sounds.pipeline import SoundsPipeline
from home_security.sounds.recipe import SoundsRecipe
from home_security.sounds.task import SoundsTrainer
from pipit.bundle.gates import check_gates
from pipit.bundle.golden import check_golden
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import EncodedAudio, PcmAudio
from pipit.runtimes import load_runtime
from pipit.training.bundle_evaluation import evaluate_bundle
from pipit.training.by_input.audio.batches import AugmentedBatches, Samples
from pipit.training.by_input.audio.features import read_clip
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps

# Keras 3.15 saves weights in a way that numpy 2.4 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

Make = Callable[..., SoundsRecipe]


def _samples(clips: int = 40, copies: int = 2, seed: int = 1) -> Samples:
    """Two classes that differ in which bands sound."""
    generator = np.random.default_rng(seed)
    truth = np.arange(clips) % 2
    rows = generator.normal(-40, 5, (clips, copies, 32, 48, 1)).astype(np.float32)
    for row, label in zip(rows, truth, strict=True):
        row[:, 16 * label : 16 * label + 16] += 30
    return Samples(rows, truth.astype(np.int64))


def _train(recipe: SoundsRecipe, folder: Path, quiet: Any, samples: Samples | None = None) -> tuple[keras.Model, Any]:
    (folder / "scratch").mkdir(parents=True, exist_ok=True)
    data = samples or _samples()
    return train_network(recipe, 2, data, _samples(seed=2), None, folder / "scratch", folder / "logs", quiet)


def test_a_seed_gives_the_same_network_and_another_seed_another(make_recipe: Make, tmp_path: Path, quiet: Any) -> None:
    networks = [
        _train(make_recipe(seed=seed, epochs=2), tmp_path / name, quiet)[0]
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    weights = [np.concatenate([w.ravel() for w in network.get_weights()]) for network in networks]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_a_training_learns_keeps_its_best_weights_and_logs(make_recipe: Make, tmp_path: Path, quiet: Any) -> None:
    recipe = make_recipe(epochs=12, optimiser={"learning_rate": 0.01})
    network, fitted = _train(recipe, tmp_path, quiet)
    test = _samples(seed=3)
    assert (np.asarray(network(test.rows[:, 0])).argmax(axis=1) == test.truth).mean() > 0.9
    assert fitted.best_epoch == int(np.argmin(fitted.history["val_loss"]))
    assert list((tmp_path / "logs").rglob("events.out.tfevents.*"))


class _Interrupted(Exception):
    pass


def test_an_interrupted_training_goes_on(
    make_recipe: Make, tmp_path: Path, quiet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe(epochs=5)
    seen: list[int] = []
    draw = AugmentedBatches._draw

    def noted(self: AugmentedBatches) -> Any:
        seen.append(self._epoch)
        if self._epoch == 3 and len(seen) <= 4:
            raise _Interrupted
        return draw(self)

    monkeypatch.setattr(AugmentedBatches, "_draw", noted)
    with pytest.raises(_Interrupted):
        _train(recipe, tmp_path, quiet)
    done = json.loads((tmp_path / "scratch" / "history.json").read_bytes())["loss"]
    assert 1 <= len(done) < 5
    begun = len(seen)
    _, fitted = _train(recipe, tmp_path, quiet)
    assert seen[begun] == len(done)  # Not from the first epoch.
    assert fitted.history["loss"][: len(done) - 1] == done[: len(done) - 1]
    assert len(fitted.history["loss"]) == 5


def test_an_epoch_holds_every_clip_once_and_embeddings_once_for_each_copy(make_recipe: Make) -> None:
    recipe = make_recipe(batch_size=16, augmentation={"mixup": 0.0, "masks": 0})
    spectrograms = _samples(clips=33, copies=3)
    batches = AugmentedBatches(spectrograms, 2, recipe)
    assert [len(batches[i][0]) for i in range(len(batches))] == [16, 17]  # A batch of one would upset batch norm.
    marked = np.arange(30, dtype=np.float32).repeat(3).reshape(30, 3, 1)
    embeddings = AugmentedBatches(Samples(marked, np.zeros(30, np.int64)), 2, recipe)
    heard = np.concatenate([embeddings[i][0].ravel() for i in range(len(embeddings))])
    assert sorted(heard.tolist()) == sorted(list(range(30)) * 3)
    first = embeddings[0][0].copy()
    embeddings.on_epoch_end()
    assert not np.array_equal(first, embeddings[0][0])
    np.testing.assert_array_equal(AugmentedBatches(Samples(marked, np.zeros(30, np.int64)), 2, recipe)[0][0], first)


def test_bad_files_stop_the_training_each_by_name_unless_they_may_be_skipped(
    make_recipe: Make, synthetic: Path, tmp_path: Path
) -> None:
    own = tmp_path / "data" / "own"
    (own / "footsteps").mkdir(parents=True)
    for number in range(6):
        soundfile.write(
            own / "footsteps" / f"hall{number}.wav", np.random.default_rng(number).normal(0, 0.1, 9000), 22_050
        )
    (own / "footsteps" / "broken.wav").write_bytes(b"RIFFxxxx")
    soundfile.write(own / "footsteps" / "silent.wav", np.zeros(9000), 22_050)
    data = [
        {"kind": "esc50", "path": str(synthetic), "licence": "none needed"},
        {"kind": "folders", "path": "own", "licence": "mine"},
        {"kind": "folders", "path": "not_there", "licence": "mine", "optional": True},
    ]
    recipe = make_recipe(data=data, augmentation={"copies": 0})
    trainer = SoundsTrainer(recipe, tmp_path / "data")
    with open_run(trainer, tmp_path / "runs") as run, pytest.raises(InvalidInput) as raised:
        run_steps(run, actions_of(trainer), "prepare")
    assert "broken.wav" in str(raised.value)
    assert "silent.wav" in str(raised.value)
    trainer = SoundsTrainer(recipe.model_copy(update={"skip_bad_files": True}), tmp_path / "data")
    with open_run(trainer, tmp_path / "runs") as run:
        (outcome,) = run_steps(run, actions_of(trainer), "prepare")
        entries = run.read_json("prepare", "items.json")
    assert outcome.record.facts["bad_files"] == 2
    assert outcome.record.facts["labels"] == ["glass_breaking", "siren", "dog", "crying_baby", "footsteps", "none"]
    assert outcome.record.facts["without_data"] == ["smoke_alarm", "door_wood_knock", "gunshot"]
    assert sum(entry["label"] == "footsteps" for entry in entries) == 6
    assert len(entries) == 86


def test_missing_data_and_data_without_alarms_say_so(make_recipe: Make, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="PIPIT_DATA"):
        SoundsTrainer(make_recipe(), None).data_files()
    with pytest.raises(NotFound, match="synthetic_sounds"):
        SoundsTrainer(make_recipe(), tmp_path).data_files()
    (tmp_path / "own" / "rain").mkdir(parents=True)
    soundfile.write(tmp_path / "own" / "rain" / "a.wav", np.ones(1000), 22_050)
    trainer = SoundsTrainer(make_recipe(data=[{"kind": "folders", "path": "own", "licence": "x"}]), tmp_path)
    with open_run(trainer, tmp_path / "runs") as run, pytest.raises(InvalidInput, match="no security class"):
        trainer.prepare(run)


def test_the_digest_of_the_data_does_not_depend_on_where_it_lies(make_recipe: Make, synthetic: Path) -> None:
    files = SoundsTrainer(make_recipe(), synthetic.parent).data_files()
    assert set(files) == {
        "synthetic_sounds/meta/esc50.csv",
        *(f"synthetic_sounds/audio/{path.name}" for path in (synthetic / "audio").iterdir()),
    }


def _bundle(recipe: SoundsRecipe, data: Path, folder: Path) -> tuple[Any, list[dict[str, str]], SoundsTrainer]:
    trainer = SoundsTrainer(recipe, data)
    with open_run(trainer, folder / "runs") as run:
        outcomes = run_steps(run, actions_of(trainer))
        assert [outcome.ran for outcome in outcomes] == [True] * 5
        assert not any(outcome.ran for outcome in run_steps(run, actions_of(trainer)))
        bundle = make_bundle(trainer, run, FIRST_VERSION, run.output("publish") / "bundle")
        return bundle, run.read_json("prepare", "items.json"), trainer


def _answers(bundle: Any, clips: list[Path]) -> list[str]:
    pipeline = SoundsPipeline(bundle.manifest)
    runtime = load_runtime(bundle.weights("int8"), "litert")
    answers = []
    for clip in clips:
        decoded = pipeline.decode(EncodedAudio(clip.read_bytes()))
        answers.append(pipeline.interpret(runtime.run(decoded.tensors), decoded)[0].scores[0].label)
    runtime.close()
    return answers


@pytest.mark.slow
def test_from_synthetic_clips_to_a_bundle_that_answers(synthetic: Path, tmp_path: Path) -> None:
    path = find_recipe(SoundsTrainer.recipe_folder, "home_security.sounds", "synthetic")
    recipe = load_recipe(path, SoundsRecipe, {"epochs": 15, "early_stopping_patience": 15})
    bundle, entries, trainer = _bundle(recipe, synthetic.parent, tmp_path)
    manifest = bundle.manifest
    assert manifest.labels == ("glass_breaking", "siren", "dog", "crying_baby", "none")
    assert manifest.name == "small-int8-v1.0.0"
    assert [variant.name for variant in manifest.variants] == ["float32", "dynamic", "int8"]
    assert manifest.input.shape == (128, 216, 1)
    assert set(manifest.decision.thresholds) == {"glass_breaking", "siren", "dog", "crying_baby"}
    assert {"report/evaluation.json", "report/model_card.md", "report/confusion.png"} <= set(manifest.files)
    assert {gate.metric for gate in manifest.gates} <= set(manifest.metrics)
    assert len(check_gates(manifest.gates, manifest.metrics)) == 9
    assert manifest.metrics["size_mb"].value < 0.5
    pipeline = SoundsPipeline(manifest)
    for variant in ("float32", "dynamic", "int8"):
        runtime = load_runtime(bundle.weights(variant), "litert")
        assert check_golden(bundle, variant, pipeline, runtime) == 0.0
        runtime.close()
    files = trainer.data_files()
    tested = [entry for entry in entries if entry["side"] == "test"]
    expected = [entry["label"] if entry["label"] in manifest.labels else "none" for entry in tested]
    found = _answers(bundle, [files[entry["name"]] for entry in tested])
    # Of 16 clips 12 to 16 are right, by how many threads share a sum; whoever says none to all is right of 8.
    assert np.mean([a == b for a, b in zip(found, expected, strict=True)]) > expected.count("none") / len(expected)
    _check_evaluation(bundle, synthetic)


def _check_evaluation(bundle: Any, data: Path) -> None:
    """A bundle in its run is asked about the test side alone; a server's way gives what training measured."""
    found = evaluate_bundle(bundle, [data], background=data / "audio")
    kept = bundle.manifest.metrics
    for name in ("accuracy", "macro_f1", "accuracy.security", "background_alarm_rate", "false_alarms_per_hour"):
        assert found.metrics[name] == kept[name], name
    assert found.answers is not None
    assert found.answers.trained_on > 0
    assert found.answers.as_background
    assert found.metrics["quiet.alarm_rate"].samples > 50
    assert found.metrics["background.false_alarms_per_hour"].value > 0.0  # Its events are no background.
    plain = evaluate_bundle(bundle, [data], besides=False).metrics
    assert plain["accuracy"] == kept["accuracy"]
    assert [name for name in plain if name.startswith(("quiet.", "robust."))] == []
    measured = [gate.metric for gate in found.gates if gate.result is not None]
    assert "accuracy.security" in measured
    assert "int8_loss_points" not in measured


@pytest.mark.slow
@pytest.mark.data
def test_from_real_clips_to_an_int8_bundle_that_hears_what_matters(yamnet_weights: Path, tmp_path: Path) -> None:
    data = yamnet_weights.parents[1]
    path = find_recipe(SoundsTrainer.recipe_folder, "home_security.sounds", "yamnet")
    recipe = load_recipe(path, SoundsRecipe, {"augmentation.copies": 0, "epochs": 20})
    bundle, entries, trainer = _bundle(recipe, data, tmp_path)
    metrics = bundle.manifest.metrics
    assert metrics["accuracy"].value > metrics["baseline.accuracy"].value
    assert metrics["accuracy.security"].value > 0.70
    assert metrics["size_mb"].value < 5.0
    assert metrics["int8_loss_points"].value <= 5.0
    sides: dict[str, set[str]] = {}
    for entry in entries:
        sides.setdefault(entry["group"], set()).add(entry["side"])
    assert {len(found) for found in sides.values()} == {1}
    files = trainer.data_files()
    alarms = [entry for entry in entries if entry["side"] == "test" and entry["label"] in bundle.manifest.labels]
    found = _answers(bundle, [files[entry["name"]] for entry in alarms])
    right = [a == entry["label"] for a, entry in zip(found, alarms, strict=True)]
    assert metrics["accuracy.security"].value == pytest.approx(np.mean(right))
    assert metrics["quiet.alarm_rate"].value == 0.0
    glass = [clip.path for clip in trainer.sources.items() if clip.category == "glass_breaking"]
    for seconds in (0.5, 5.0):
        exact, rounded = (_logits(bundle, variant, glass, seconds) for variant in ("float32", "int8"))
        assert np.corrcoef(exact.ravel(), rounded.ravel())[0, 1] > 0.99


def _logits(bundle: Any, variant: str, clips: list[Path], seconds: float) -> np.ndarray:
    """Of the beginnings of clips, filled with silence."""
    pipeline, runtime = SoundsPipeline(bundle.manifest), load_runtime(bundle.weights(variant), "litert")
    found = []
    for clip in clips:
        samples, rate = read_clip(clip)
        decoded = pipeline.decode(PcmAudio(samples[: int(seconds * rate), np.newaxis], rate))
        found.append(runtime.run(decoded.tensors)["logits"])
    runtime.close()
    return np.concatenate(found)
