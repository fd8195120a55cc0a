"""The whole way on tiny recordings: checked, trained, exported, served, asked about."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from ad_detection.channels.film import write_film
from ad_detection.frames.pipeline import whole_picture
from ad_detection.frames.recipe import FramesRecipe
from ad_detection.frames.task import FramesTrainer
from ad_detection.temporal.cnn import make_cnn
from ad_detection.temporal.data import in_order, read_timed_frames
from ad_detection.temporal.network import build_head, whole_network
from ad_detection.temporal.pipeline import MOST_FRAMES, TemporalPipeline
from ad_detection.temporal.task import TemporalTrainer
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from pipit.answers import softmax
from pipit.bundle import open_bundle
from pipit.bundle.golden import check_golden
from pipit.cli.main import app
from pipit.client import Client, Refusal
from pipit.errors import InputTooLarge, InvalidInput, NotFound
from pipit.inputs import EncodedAudio, EncodedImage, InputSequence, TensorInput
from pipit.inputs.image import decode_image
from pipit.pipelines.networks import open_pipeline
from pipit.pipelines.served import serve_bundle
from pipit.runtimes import load_runtime
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings
from pipit.training.bundle_evaluation import evaluate_bundle
from pipit.training.by_input.pictures.mistakes import COLUMNS, SIDE
from pipit.training.progress import LogProgress
from pipit.training.recipe import find_recipe, load_recipe, recipe_names
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps
from pipit.training.trainer import load_trainer
from pipit.types import Prediction, TimeSpan
from typer.testing import CliRunner

from .conftest import SECONDS, Trained, frame_of, recipe_of, write_recordings

pytestmark = [
    # Keras saves weights in a way that numpy warns of.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]
TASK = "ad_detection.temporal"


def score(prediction: Prediction) -> float:
    """Of an advertisement."""
    return next(one.score for one in prediction.scores if one.label == "ad")


def items_of(recordings: Path, name: str = "channel7_0") -> list[EncodedImage]:
    """Frames of a recording that tests, in their order."""
    frames = in_order(read_timed_frames(recordings / "synthetic_temporal").items)
    return [EncodedImage(one.path.read_bytes()) for one in frames if one.recording.endswith(name)]


@pytest.mark.slow
def test_no_channel_and_no_programme_stands_on_two_sides(trained: Trained) -> None:
    trainer, run, _ = trained
    groups = {side: {e["group"] for e in trainer.entries(run, side)} for side in ("train", "validation", "test")}
    assert groups["test"] == {"programme programme7_0", "programme programme7_1"}
    assert groups["train"].isdisjoint(groups["validation"])
    assert len(groups["train"] | groups["validation"]) == 6
    for side, names in groups.items():
        of_side = trainer.side(run, side)
        assert of_side.rows.shape[1:] == (5, 32)
        assert set(of_side.groups.tolist()) == names


@pytest.mark.slow
def test_its_bundle_answers_as_the_trainer_measured(trained: Trained) -> None:
    assert load_trainer(TASK) is TemporalTrainer
    bundle = trained[2]
    manifest = bundle.manifest
    assert manifest.labels == ("ad", "content")
    assert manifest.decision.background == "content"
    assert (manifest.input.kind, manifest.input.shape) == ("sequence", (5, 32))
    with Image.open(trained[1].output("verify") / "mistakes.png") as sheet:
        assert sheet.width == COLUMNS * SIDE
    # Pictures of recordings are not passed on.
    assert not any(path.endswith(".png") and "mistakes" in path for path in manifest.files)
    assert set(manifest.networks) == {"cnn"}
    metrics = manifest.metrics
    assert metrics["accuracy"].value > metrics["baseline.accuracy"].value
    assert metrics["recall"].value > 0.5
    # Each of two recordings of 65 frames changes four times within 64 s.
    assert metrics["true_switches_an_hour"].value == pytest.approx(4 / 64 * 3600)
    sizes = [bundle.file(manifest.networks["cnn"].file), bundle.weights("float32")]
    assert metrics["both_mb"].value == pytest.approx(sum(path.stat().st_size for path in sizes) / 1e6)
    for variant in manifest.variants:
        with (
            open_pipeline(bundle) as pipeline,
            closing(load_runtime(bundle.weights(variant.name), variant.runtime)) as runtime,
        ):
            assert check_golden(bundle, variant.name, pipeline, runtime) == 0.0


@pytest.mark.slow
def test_kept_features_give_what_the_whole_network_gives(trained: Trained, recordings: Path) -> None:
    trainer, run, bundle = trained
    head = keras.models.load_model(run.output("fit") / "network.keras")
    frames = read_timed_frames(recordings / "synthetic_temporal", rule=None).items
    sides = {
        side: [(frame, trainer.labels(run).index(frame.label)) for frame in trainer.items(run, side)]
        for side in ("train", "validation")
    }
    # What was trained is taken up, and not trained again.
    cnn = make_cnn(trainer.recipe, None, 2, sides, run.scratch("fit"), run.folder / "logs", LogProgress())
    whole = whole_network(cnn, head)
    assert whole.input_shape == (None, 5, 64, 64, 3)
    assert len(frames) == 8 * 65
    items = items_of(recordings)[10:22]
    with serve_bundle(bundle, "float32") as served:
        pipeline = served.pipeline
        assert isinstance(pipeline, TemporalPipeline)
        pixels = np.stack([pipeline.pixels(item) for item in items])
        streamed = [score(one) for one in served.stream(items)]
    at_once = np.stack([pixels[[max(0, end - back) for back in (4, 3, 2, 1, 0)]] for end in range(len(items))])
    wanted = softmax(np.asarray(whole.predict_on_batch(at_once)))[:, 0]
    assert streamed == pytest.approx(wanted.tolist(), abs=1e-5)
    assert len({round(one, 6) for one in streamed}) > 6


@pytest.mark.slow
def test_a_sequence_is_answered_as_the_stream_of_its_pictures(trained: Trained, recordings: Path) -> None:
    items = items_of(recordings)[25:34]
    with serve_bundle(trained[2]) as served:
        streamed = list(served.stream(items))
        whole = served.answer(InputSequence(tuple(items)))
        few = [served.answer(InputSequence(tuple(items[:count]))) for count in range(1, 6)]
        (alone,) = served.answer(items[0])
    assert [score(one) for one in whole] == [score(one) for one in streamed[4:]]
    assert [one.region for one in whole] == [TimeSpan(float(end - 4), float(end)) for end in range(4, 9)]
    assert [len(said) for said in few] == [1] * 5
    assert [score(said[0]) for said in few] == [score(one) for one in streamed[:5]]
    assert [said[0].region for said in few] == [TimeSpan(0.0, float(end)) for end in range(5)]
    assert score(alone) == score(streamed[0])


@pytest.mark.slow
def test_8_bits_answer_as_float_does(trained: Trained) -> None:
    trainer, run, _ = trained
    parity = run.read_json("verify", "parity.json")
    assert parity["float32"]["largest_difference"] < 1e-5
    assert parity["int8"]["agreement"] >= 0.95
    kinds = {}
    for variant in trainer.recipe.export.variants:
        interpreter = Interpreter(str(trainer.variant_file(run, variant)))
        kinds[variant] = np.dtype(interpreter.get_input_details()[0]["dtype"]).name
    assert kinds == {"float32": "float32", "int8": "int8"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("item", "error", "said"),
    [
        (InputSequence(()), InvalidInput, "the sequence is empty; send up to 5 pictures"),
        (EncodedAudio(b"RIFF"), InvalidInput, "a picture or a sequence of pictures, not a recording"),
        (InputSequence((EncodedAudio(b"RIFF"),)), InvalidInput, "not a recording"),
        (InputSequence((EncodedImage(b"no picture"),)), InvalidInput, "not a picture; send a JPEG"),
        (InputSequence((EncodedImage(b""),) * (MOST_FRAMES + 1)), InputTooLarge, "at most 300, or use a stream"),
        (TensorInput("features", np.zeros((4, 32), np.float32)), InvalidInput, "send pictures, or a sequence"),
        (TensorInput("pixels", np.zeros((5, 32), np.float32)), InvalidInput, "only input is 'features'"),
        (TensorInput("features", np.full((5, 32), np.nan, np.float32)), InvalidInput, "NaN"),
    ],
)
def test_what_is_no_sequence_is_refused(trained: Trained, item: Any, error: type[Exception], said: str) -> None:
    with open_pipeline(trained[2]) as pipeline, pytest.raises(error, match=said):
        pipeline.decode(item)


@pytest.mark.slow
def test_a_bundle_whose_parts_don_t_fit_is_refused(trained: Trained) -> None:
    manifest = trained[2].manifest
    with pytest.raises(InvalidInput, match="lacks the network 'cnn'"):
        TemporalPipeline(manifest)
    with closing(load_runtime(trained[2].file("networks/cnn.tflite"), "litert")) as cnn:
        for parameters, said in (
            ({"crop": 64, "frames": 5}, "step_seconds"),
            ({"crop": 32, "frames": 5, "step_seconds": 1.0}, "fits neither a crop of 32"),
            ({"crop": 64, "frames": 4, "step_seconds": 1.0}, "nor sequences of"),
            ({"crop": 64, "frames": 0, "step_seconds": 1.0}, "a sequence needs a frame"),
        ):
            reference = manifest.pipeline.model_copy(update={"parameters": parameters})
            with pytest.raises(InvalidInput, match=said):
                TemporalPipeline(manifest.model_copy(update={"pipeline": reference}), {"cnn": cnn})


@pytest.mark.slow
def test_a_servers_way_gives_what_training_measured(trained: Trained, recordings: Path) -> None:
    bundle = trained[2]
    found = evaluate_bundle(open_bundle(bundle.path), [recordings / "synthetic_temporal"])
    assert found.answers is not None
    assert found.answers.problems == ()
    assert found.answers.trained_on == 6 * 6
    metrics = bundle.manifest.metrics
    for name in ("accuracy", "precision", "recall", "f1", "switches_an_hour", "flaps_an_hour"):
        assert found.metrics[name].samples == metrics[name].samples == 2 * 65
        assert found.metrics[name].value == pytest.approx(metrics[name].value), name


@pytest.fixture
def server(trained: Trained) -> Iterator[InferenceServer]:
    """A real one of the trained bundle."""
    running = InferenceServer(ServingSettings(bundle=(trained[2].path,), port=0, metrics_port=0, grace_seconds=5.0))
    running.start()
    try:
        deadline = time.monotonic() + 240.0
        while not running.plane.is_ready:
            assert time.monotonic() < deadline, [host.status() for host in running.hosts.values()]
            time.sleep(0.02)
        yield running
    finally:
        running.stop(5.0)


@pytest.mark.slow
def test_a_server_answers_sequences_and_streams(trained: Trained, recordings: Path, server: InferenceServer) -> None:
    items = items_of(recordings)[12:20]
    with serve_bundle(trained[2]) as served:
        wanted = [score(one) for one in served.stream(items)]
        (after_a_seek,) = served.answer(items[0])
    with Client(f"127.0.0.1:{server.port}", task=TASK) as client:
        (model,) = client.models()
        assert model.input_kind == "sequence"
        (said,) = client.classify(InputSequence(tuple(items[:5]))).predictions
        assert score(said) == pytest.approx(wanted[4], abs=1e-5)
        with client.open_stream() as stream:
            for number, item in enumerate(items):
                stream.send(item, 100.0 + number)
                # The same moment again: nothing is ready, and nothing is wrong.
                stream.send(item, 100.0 + number)
            answers = [stream.receive() for _ in range(2 * len(items))]
            assert answers[1::2] == [[]] * len(items)
            parts = [one.predictions[0] for (one,) in answers[::2] if not isinstance(one, Refusal)]
            assert [score(part) for part in parts] == pytest.approx(wanted, abs=1e-5)
            assert parts[-1].region == TimeSpan(103.0, 107.0)
            # Whoever seeks back opens another stream; within one, time goes on.
            stream.send(items[0], 50.0)
            (refused,) = stream.receive()
            assert isinstance(refused, Refusal)
            assert "came after one of 107 s; send them in their order" in refused.message
            stream.send(EncodedImage(b"no picture"), 108.0)
            (refused,) = stream.receive()
            assert isinstance(refused, Refusal)
            assert "not a picture" in refused.message
            stream.send(items[0], 500.0)
            (answer,) = stream.receive()
            assert not isinstance(answer, Refusal)
            assert answer.predictions[0].region == TimeSpan(500.0, 500.0)
            assert score(answer.predictions[0]) == pytest.approx(score(after_a_seek), abs=1e-5)
            assert stream.finish() == []


@pytest.mark.slow
def test_the_command_line_follows_a_video(
    trained: Trained, recordings: Path, server: InferenceServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The command sets logging up for its whole process, which here goes on after it.
    film = tmp_path / "film.mp4"
    pictures = (Image.fromarray(decode_image(item)).resize((320, 180)) for item in items_of(recordings)[12:20])
    write_film(film, map(np.asarray, pictures), Fraction(2), None)
    arguments = ["classify", str(film), "--task", TASK, "--server", f"127.0.0.1:{server.port}", "--json"]
    called = CliRunner().invoke(app, arguments, prog_name="pipit")
    assert called.exit_code == 0, called.output
    moments = json.loads(called.stdout)[0]["moments"]
    assert [moment["seconds"] for moment in moments] == [number / 2 for number in range(8)]
    # Two pictures a second came, of which one is looked at.
    counts = [len(moment["predictions"][TASK]) for moment in moments]
    assert counts == [1, 0, 1, 0, 1, 0, 1, 0]
    assert moments[-2]["predictions"][TASK][0]["span"] == {"start": 0.0, "end": 3.0}


@pytest.mark.slow
def test_its_cnn_may_be_a_run_of_frames(recordings: Path, tmp_path: Path) -> None:
    changes = {"data.0.path": "synthetic_temporal", "epochs": 1, "head.units": 24, "batch_size": 128}
    path = find_recipe(FramesTrainer.recipe_folder, "ad_detection.frames", "synthetic")
    frames = FramesTrainer(load_recipe(path, FramesRecipe, changes), recordings)
    with open_run(frames, tmp_path / "runs") as run:
        run_steps(run, actions_of(frames), "fit")
        folder, before = run.folder, keras.models.load_model(run.output("fit") / "network.keras")
    with pytest.raises(NotFound, match="name the folder of a run"):
        make_cnn(recipe_of(**{"cnn.start_from": str(tmp_path)}), None, 2, {}, tmp_path, tmp_path, LogProgress())
    trainer = TemporalTrainer(
        recipe_of(**{"cnn.start_from": str(folder), "cnn.variant": "int8", "epochs": 1, "head.lstm": 8}), recordings
    )
    assert trainer.weights_files() == {"start_from.keras": folder / "fit" / "network.keras"}
    with open_run(trainer, tmp_path / "runs") as run:
        run_steps(run, actions_of(trainer), "fit")
        side = trainer.side(run, "test")
        pictures = [decode_image(EncodedImage(one.path.read_bytes())) for one in trainer.items(run, "test")]
    # The hidden layer that frames were learnt with is what is kept of each.
    assert side.rows.shape == (130, 5, 24)
    hidden = keras.Model(before.input, before.get_layer("hidden").output)
    with_eyes = np.stack([frames_crop(picture) for picture in pictures[:20]])
    wanted = np.asarray(hidden.predict_on_batch(with_eyes))
    assert side.rows[:20, -1] == pytest.approx(wanted, abs=0.1 * float(wanted.max()))


def frames_crop(picture: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """As the recipe `synthetic` sees it."""

    return whole_picture(picture, 64).astype(np.float32)


def test_the_default_networks_are_the_guides() -> None:
    recipe = recipe_of("base")
    head = build_head(recipe, 1280, 2)
    assert head.input_shape == (None, 5, 1280)
    assert [layer.name for layer in head.layers[1:]] == ["hidden", "lstm", "dense", "dropout", "logits"]
    assert [head.get_layer(name).units for name in ("hidden", "lstm", "dense", "logits")] == [256, 128, 64, 2]
    assert [layer.name for layer in build_head(recipe, 256, 2).layers[1:]] == ["lstm", "dense", "dropout", "logits"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cnn.weights": "none"}, "would have to learn frames first, all of them in memory"),
        ({"cnn.network": "vgg"}, "network"),
        ({"frames": 0}, "frames"),
        ({"validation_channels": ["one"]}, "name test_channels too"),
        ({"step_seconds": 0.0}, "step_seconds"),
    ],
)
def test_recipes_that_can_t_be_trained_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        recipe_of("base", **changes)


def test_every_recipe_is_whole() -> None:
    names = recipe_names(TemporalTrainer.recipe_folder, TASK)
    assert names == ("base", "synthetic")
    for name in names:
        recipe = recipe_of(name)
        assert (recipe.name, recipe.task, recipe.frames, recipe.step_seconds) == (name, TASK, 5, 1.0)
    gates = {gate.metric: (gate.comparison, gate.limit) for gate in recipe_of("base").gates}
    assert gates["precision"] == (">", 0.95)
    assert gates["recall"] == (">", 0.90)
    assert gates["f1"] == (">", 0.92)
    assert gates["both_mb"] == ("<", 5.0)


def prepared(data: Path, runs: Path, **changes: object) -> list[dict[str, Any]]:
    """Entries of all sides."""
    trainer = TemporalTrainer(recipe_of(**{"data.0.path": "some", **changes}), data)
    with open_run(trainer, runs) as run:
        run_steps(run, actions_of(trainer), "prepare")
        return [entry for side in ("train", "validation", "test") for entry in trainer.entries(run, side)]


def test_frames_that_can_t_be_read_are_named(tmp_path: Path) -> None:
    folder = write_recordings(tmp_path / "some", programmes=1)
    (folder / "channel1_0" / "007.png").write_bytes(b"\x89PNG cut short")
    with pytest.raises(InvalidInput, match=r"1 entries of the data can't be used.*\n.*channel1_0/007\.png"):
        prepared(tmp_path, tmp_path / "runs")
    entries = prepared(tmp_path, tmp_path / "runs", skip_bad_files=True)
    assert len(entries) == 4 * SECONDS - 1
    assert not any(entry["name"].endswith("channel1_0/007.png") for entry in entries)


def test_a_spot_that_is_shown_again_on_another_side_is_left_out_where_it_does_not_train(tmp_path: Path) -> None:
    folder = write_recordings(tmp_path / "some", programmes=1)
    for second in range(45, 55):
        shown_again = (folder / "channel1_0" / f"{second:03d}.png").read_bytes()
        for channel in (2, 3, 7):
            (folder / f"channel{channel}_0" / f"{second:03d}.png").write_bytes(shown_again)
    entries = prepared(tmp_path, tmp_path / "runs")
    sides: dict[str, set[str]] = {}
    for entry in entries:
        if 45 <= entry["seconds"] < 55:
            sides.setdefault(entry["side"], set()).add(entry["recording"])
    assert set(sides) == {"train"}
    assert len(sides["train"]) == 2
    assert sum(entry["side"] == "test" for entry in entries) == SECONDS - 10


def test_a_channel_may_validate(tmp_path: Path) -> None:
    write_recordings(tmp_path / "some", programmes=1)
    entries = prepared(tmp_path, tmp_path / "runs", validation_channels=["channel3"])
    sides = {(entry["recording"], entry["side"]) for entry in entries}
    assert sides == {
        ("some/channel1_0", "train"),
        ("some/channel2_0", "train"),
        ("some/channel3_0", "validation"),
        ("some/channel7_0", "test"),
    }


def test_more_frames_than_one_a_second_are_not_looked_at(tmp_path: Path) -> None:
    write_recordings(tmp_path / "some", programmes=1)
    entries = prepared(tmp_path, tmp_path / "runs", step_seconds=2.0)
    # The first, and then the one that is a quarter of a step early at most: the even ones.
    assert {entry["seconds"] % 2 for entry in entries} == {0.0}
    assert len(entries) == 4 * 33


def test_data_without_times_are_refused(tmp_path: Path) -> None:
    (tmp_path / "some" / "ad").mkdir(parents=True)
    (tmp_path / "some" / "ad" / "1.png").write_bytes(frame_of(1, 1, 1, is_ad=True))
    with pytest.raises(InvalidInput, match="holds pictures without times"):
        prepared(tmp_path, tmp_path / "runs")
