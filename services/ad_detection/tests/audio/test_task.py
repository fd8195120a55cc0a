"""The whole way on SYNTHETIC sound: made, checked, trained, exported, served, asked about."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from ad_detection.audio.asking import check_folder
from ad_detection.audio.hearing import RATE, seconds_of
from ad_detection.audio.network import fit_network, scale_of
from ad_detection.audio.recipe import AudioRecipe
from ad_detection.audio.synthetic import golden_inputs, write_sounds
from ad_detection.audio.task import AudioTrainer
from ad_detection.channels.recordings import Size
from pipit.answers import softmax
from pipit.bundle import Bundle, open_bundle
from pipit.bundle.golden import check_golden
from pipit.cli.main import app
from pipit.client import Answer, Client
from pipit.data.synthetic import MARK
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import EncodedAudio, PcmAudio
from pipit.pipelines.networks import open_pipeline
from pipit.pipelines.served import serve_bundle
from pipit.runtimes import load_runtime
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings
from pipit.settings import DataSettings, load_settings
from pipit.training.bundle_evaluation import evaluate_bundle
from pipit.training.by_input.audio.networks.yamnet_file import FILE
from pipit.training.classifier import TEST_SCORES_FILE
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe, recipe_names
from pipit.training.run import Run, open_run
from pipit.training.steps import actions_of, run_steps
from pipit.training.trainer import load_trainer
from pipit.types import Prediction, TimeSpan
from typer.testing import CliRunner

pytestmark = [
    # Keras saves weights in a way that numpy warns of.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]
TASK = "ad_detection.audio"
SIZE = Size(channels=(1, 2, 7), programmes=2, seconds=420.0)


def recipe_of(name: str = "synthetic", **changes: Any) -> AudioRecipe:
    return load_recipe(find_recipe(AudioTrainer.recipe_folder, TASK, name), AudioRecipe, changes)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data sets that holds a small `synthetic_audio`."""
    folder = tmp_path_factory.mktemp("data")
    write_sounds(folder / "synthetic_audio", SIZE)
    return folder


@pytest.fixture(scope="module")
def trained(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AudioTrainer, Run, Bundle]]:
    """A run of the recipe for machines without recordings."""
    trainer = AudioTrainer(recipe_of(), sounds)
    with open_run(trainer, tmp_path_factory.mktemp("runs")) as run:
        run_steps(run, actions_of(trainer))
        yield trainer, run, make_bundle(trainer, run, FIRST_VERSION, run.output("publish") / "bundle")


@pytest.mark.slow
def test_its_data_can_be_checked(sounds: Path) -> None:
    folder = sounds / "synthetic_audio"
    assert b"nothing of it was ever broadcast" in (folder / MARK).read_bytes()
    report = check_folder(folder, lambda done, total: None)
    assert report.problems == ()
    assert report.recordings == 6
    assert sum(report.classes.values()) == 6 * 84
    assert min(report.classes.values()) > 80


@pytest.mark.slow
def test_the_channel_that_tests_is_heard_by_no_other_side(trained: tuple[AudioTrainer, Run, Bundle]) -> None:
    trainer, run, _ = trained
    sides = {side: trainer.entries(run, side) for side in ("train", "validation", "test")}
    assert {entry["channel"] for entry in sides["test"]} == {"channel7"}
    assert "channel7" not in {entry["channel"] for side in ("train", "validation") for entry in sides[side]}
    groups = {side: {entry["group"] for entry in entries} for side, entries in sides.items()}
    assert groups["train"].isdisjoint(groups["validation"])
    assert groups["validation"]


@pytest.mark.slow
def test_its_bundle_answers_as_the_trainer_measured(trained: tuple[AudioTrainer, Run, Bundle]) -> None:
    assert load_trainer(TASK) is AudioTrainer
    manifest = trained[2].manifest
    assert manifest.labels == ("ad", "content")
    assert manifest.decision.background == "content"
    assert 0.5 <= manifest.decision.thresholds["ad"] < 1.0
    assert {"auc", "precision", "recall", "f1", "int8_loss_points"} <= manifest.metrics.keys()
    assert manifest.pipeline.parameters == {"window": 30, "hop": 1}
    for variant in manifest.variants:
        with (
            open_pipeline(trained[2]) as pipeline,
            closing(load_runtime(trained[2].weights(variant.name), variant.runtime)) as runtime,
        ):
            assert check_golden(trained[2], variant.name, pipeline, runtime) == 0.0


@pytest.mark.slow
def test_what_was_exported_is_not_compared_with_scores_that_are_gone(
    trained: tuple[AudioTrainer, Run, Bundle], tmp_path: Path
) -> None:
    trainer, run, _ = trained
    scores = run.output("evaluate") / TEST_SCORES_FILE
    away = scores.rename(tmp_path / scores.name)
    with pytest.raises(NotFound, match=r"test_scores\.npy is not there; .* \(--force evaluate\)"):
        trainer.verify(run)
    away.rename(scores)


def test_a_servers_way_gives_what_training_measured(trained: tuple[AudioTrainer, Run, Bundle], sounds: Path) -> None:
    bundle = trained[2]
    found = evaluate_bundle(open_bundle(bundle.path), [sounds / "synthetic_audio"])
    assert found.answers is not None
    assert found.answers.problems == ()
    for name in ("auc", "precision", "recall", "f1", "accuracy"):
        assert found.metrics[name].value == pytest.approx(bundle.manifest.metrics[name].value, abs=1e-6), name
        assert found.metrics[name].samples == bundle.manifest.metrics[name].samples


@pytest.fixture(scope="module")
def server(trained: tuple[AudioTrainer, Run, Bundle]) -> Iterator[str]:
    """Address of a server of the bundle."""
    running = InferenceServer(ServingSettings(bundle=(trained[2].path,), port=0, metrics_port=0, grace_seconds=5.0))
    running.start()
    try:
        deadline = time.monotonic() + 240.0
        while not running.plane.is_ready:
            assert time.monotonic() < deadline, [host.status() for host in running.hosts.values()]
            time.sleep(0.02)
        yield f"127.0.0.1:{running.port}"
    finally:
        running.stop(5.0)


def some_seconds(sounds: Path, seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    path = min((sounds / "synthetic_audio/channel7").glob("*.flac"))
    samples: np.ndarray[tuple[int], np.dtype[np.float32]] = soundfile.read(
        path, round(seconds * RATE), dtype="float32"
    )[0]
    return samples


def scores_of(prediction: Prediction) -> dict[str, float]:
    return {score.label: score.score for score in prediction.scores}


@pytest.mark.slow
def test_a_server_answers_a_clip(
    trained: tuple[AudioTrainer, Run, Bundle],
    sounds: Path,
    server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The command sets logging up for its whole process, which here goes on after it.
    clip = tmp_path / "clip.wav"
    soundfile.write(clip, some_seconds(sounds, 5.0), RATE)
    arguments = ["classify", str(clip), "--task", TASK, "--server", server, "--json"]
    called = CliRunner().invoke(app, arguments, prog_name="pipit")
    assert called.exit_code == 0, called.output
    with serve_bundle(trained[2]) as served:
        wanted = served.answer(EncodedAudio(clip.read_bytes()))
    found = json.loads(called.stdout)[0]["predictions"]
    assert len(found) == len(wanted) == 5
    for one, other in zip(found, wanted, strict=True):
        scores = {score["label"]: score["score"] for score in one["scores"]}
        assert scores == pytest.approx(scores_of(other), abs=1e-5)
    assert wanted[-1].region == TimeSpan(0.0, 5.0)


@pytest.mark.slow
def test_a_server_answers_a_microphone_second_by_second(
    trained: tuple[AudioTrainer, Run, Bundle], sounds: Path, server: str
) -> None:
    samples = np.concatenate([some_seconds(sounds, 33.0), np.zeros(4 * RATE, np.float32)])
    pieces = [PcmAudio(second[:, np.newaxis], RATE) for second in seconds_of(samples)]
    said = []
    with Client(server) as client, client.open_stream(task=TASK) as stream:
        for piece in pieces:
            stream.send(piece)
            said += stream.receive()
        said += stream.finish()
    answers = [one for one in said if isinstance(one, Answer)]
    assert len(answers) == len(said) == 37
    predictions = [prediction for answer in answers for prediction in answer.predictions]
    with serve_bundle(trained[2]) as served:
        wanted = list(served.stream(pieces))
    assert [one.region for one in predictions] == [one.region for one in wanted]
    assert predictions[32].region == TimeSpan(3.0, 33.0)
    for one, other in zip(predictions, wanted, strict=True):
        assert {s.label: s.score for s in one.scores} == pytest.approx(
            {s.label: s.score for s in other.scores}, abs=1e-5
        )
    # What listens to the stream is told when its sound is dead.
    assert [one.unknown for one in predictions[-4:]] == [False, False, True, True]
    assert predictions[-1].label == ""


@pytest.mark.slow
def test_a_server_refuses_what_it_can_t_hear(server: str) -> None:
    silent = io.BytesIO()
    soundfile.write(silent, np.zeros(5 * RATE), RATE, format="WAV")
    with Client(server) as client:
        answer = client.classify(EncodedAudio(silent.getvalue()), task=TASK)
        assert [one.unknown for one in answer.predictions][-1]
        with pytest.raises(InvalidInput, match=r"are too few; send at least 0\.975 s"):
            client.classify(PcmAudio(np.zeros((100, 1), np.float32), RATE), task=TASK)
        with pytest.raises(InvalidInput, match="not an audio file"):
            client.classify(EncodedAudio(b"nothing to hear"), task=TASK)


def test_the_network_is_the_regression_that_validation_chose() -> None:
    draw = np.random.default_rng(1)
    rows = draw.normal(0.0, [1.0] * 8 + [0.01] * 8, (200, 16)).astype(np.float32)
    truth = (rows[:, 0] + 80.0 * rows[:, 9] + draw.normal(0.0, 0.3, 200) > 0).astype(np.int64)
    network, fitted, strength = fit_network((rows[:150], truth[:150]), (rows[150:], truth[150:]), 2, (0.01, 1.0, 100.0))
    losses = fitted.history["val_loss"]
    assert (0.01, 1.0, 100.0)[fitted.best_epoch] == strength
    assert losses[fitted.best_epoch] == min(losses)
    scores = softmax(np.asarray(network.predict_on_batch(rows[150:])))
    ones = scores[np.arange(50), truth[150:]]
    # What the network says is what was measured: scaling was folded into it without a loss.
    assert -np.log(ones).mean() == pytest.approx(losses[fitted.best_epoch], abs=1e-4)
    assert fitted.history["val_accuracy"][fitted.best_epoch] == (scores.argmax(axis=1) == truth[150:]).mean() > 0.8


def test_each_part_of_a_row_counts_alike() -> None:
    draw = np.random.default_rng(1)
    rows = np.hstack([draw.normal(0.0, 3.0, (300, 16)), draw.normal(2.0, 0.1, (300, 1024))]).astype(np.float32)
    offset, divisor = scale_of(rows)
    variances = ((rows - offset) / divisor).var(axis=0)
    assert variances[:16].sum() == pytest.approx(1.0, rel=0.01)
    assert variances[16:].sum() == pytest.approx(1.0, rel=0.01)


def test_a_training_side_of_one_label_is_refused() -> None:
    rows = np.zeros((4, 16), np.float32)
    with pytest.raises(InvalidInput, match="the training side lacks a label"):
        fit_network((rows, np.zeros(4, np.int64)), (rows, np.array([0, 1, 0, 1])), 2, (1.0,))


def test_golden_inputs_are_the_same_again_and_one_is_dead() -> None:
    first, second = golden_inputs(4, 1), golden_inputs(4, 1)
    for one, other in zip(first, second, strict=True):
        assert isinstance(one, PcmAudio)
        assert isinstance(other, PcmAudio)
        np.testing.assert_array_equal(one.samples, other.samples)
    assert [bool(one.samples.any()) for one in first if isinstance(one, PcmAudio)] == [True, False, True, True]


@pytest.mark.slow
def test_yamnet_listens_from_within_the_bundle(sounds: Path, tmp_path: Path) -> None:
    data = load_settings(DataSettings).data
    if data is None or not (data / FILE).is_file():
        pytest.skip(f"needs YAMNet's weights: {FILE} in the folder that PIPIT_DATA names")
    changes = {
        "data.0.path": str(sounds / "synthetic_audio"),
        "features.step": 60.0,
        "features.window": 10,
        "test_channels": ["channel7"],
    }
    trainer = AudioTrainer(recipe_of("yamnet", **changes), data)
    with open_run(trainer, tmp_path / "runs") as run:
        run_steps(run, actions_of(trainer))
        bundle = make_bundle(trainer, run, FIRST_VERSION, run.output("publish") / "bundle")
    assert set(bundle.manifest.networks) == {"yamnet"}
    assert bundle.manifest.input.shape == (1040,)
    assert bundle.file(bundle.manifest.networks["yamnet"].file).stat().st_size < 5_000_000
    with open_pipeline(bundle) as pipeline, closing(load_runtime(bundle.weights(), "litert")) as runtime:
        assert check_golden(bundle, "float32", pipeline, runtime) == 0.0
        decoded = pipeline.decode(PcmAudio(some_seconds(sounds, 3.0)[:, np.newaxis], RATE))
    assert decoded.tensors["heard"].shape == (3, 1040)
    # Embeddings of ReLUs are never below 0, and never all the same.
    assert decoded.tensors["heard"][:, 16:].min() >= 0.0
    assert decoded.tensors["heard"][:, 16:].std() > 0.01


def test_without_yamnets_weights_a_training_says_what_to_do(tmp_path: Path) -> None:
    trainer = AudioTrainer(recipe_of("yamnet"), tmp_path)
    with pytest.raises(NotFound, match=r"pipit data fetch yamnet.*train the recipe `moves`"):
        trainer.weights_files()


def test_every_recipe_is_whole() -> None:
    names = recipe_names(AudioTrainer.recipe_folder, TASK)
    assert names == ("moves", "synthetic", "yamnet")
    for name in names:
        recipe = recipe_of(name)
        assert (recipe.name, recipe.task, recipe.features.window) == (name, TASK, 30)
    gates = {gate.metric: (gate.comparison, gate.limit) for gate in recipe_of("moves").gates}
    assert gates == {
        "precision": (">", 0.95),
        "recall": (">", 0.90),
        "f1": (">", 0.92),
        "int8_loss_points": ("<=", 2.0),
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epochs": 3}, "epochs changes nothing here: see strengths"),
        ({"features.hop": 31}, "hop is over window"),
        ({"features.window": 400}, "less than or equal to 300"),
        ({"strengths": []}, "strengths"),
        ({"network": "guide"}, "network"),
    ],
)
def test_recipes_that_can_t_be_trained_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        recipe_of(**changes)
