"""The whole way on SYNTHETIC channels: drawn, checked, trained, exported, served, asked about."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from ad_detection.channels.recordings import Size
from ad_detection.frames.data import check_folder
from ad_detection.frames.network import build_network, freeze
from ad_detection.frames.pipeline import whole_picture
from ad_detection.frames.recipe import BACKBONE_LAYERS, FramesRecipe
from ad_detection.frames.synthetic import write_frames
from ad_detection.frames.task import OTHERS, FramesTrainer
from ad_detection.labelled_frames import read_frames
from pipit.bundle import Bundle, open_bundle
from pipit.bundle.golden import check_golden
from pipit.cli.main import app
from pipit.errors import InvalidInput, NotFound, Unavailable
from pipit.inputs import EncodedImage
from pipit.pipelines.networks import open_pipeline
from pipit.pipelines.served import serve_bundle
from pipit.runtimes import load_runtime
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings
from pipit.training.bundle_evaluation import evaluate_bundle
from pipit.training.by_input.pictures.listing import read_pixels
from pipit.training.exploration import count_by, explore, telling_facts
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe, recipe_names
from pipit.training.run import Run, open_run
from pipit.training.steps import actions_of, run_steps
from pipit.training.trainer import load_trainer
from pipit.types import Box
from typer.testing import CliRunner

pytestmark = [
    # Keras saves weights in a way that numpy warns of.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]
TASK = "ad_detection.frames"


def recipe_of(name: str = "synthetic", **changes: Any) -> FramesRecipe:
    return load_recipe(find_recipe(FramesTrainer.recipe_folder, TASK, name), FramesRecipe, changes)


@pytest.fixture(scope="module")
def trained(channels: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FramesTrainer, Run, Bundle]]:
    """A run of the recipe for machines without recordings."""
    trainer = FramesTrainer(recipe_of(), channels)
    with open_run(trainer, tmp_path_factory.mktemp("runs")) as run:
        run_steps(run, actions_of(trainer))
        yield trainer, run, make_bundle(trainer, run, FIRST_VERSION, run.output("publish") / "bundle")


def test_its_data_can_be_checked(channels: Path) -> None:
    report = check_folder(channels / "synthetic_frames", lambda done, total: None)
    assert report.problems == ()
    assert report.classes.keys() == {"ad", "content"}
    assert min(report.classes.values()) > 30


@pytest.mark.slow
def test_no_channel_and_no_programme_stands_on_two_sides(trained: tuple[FramesTrainer, Run, Bundle]) -> None:
    trainer, run, _ = trained
    groups = {side: {e["group"] for e in trainer.entries(run, side)} for side in ("train", "validation", "test")}
    assert groups["test"] == {"programme street_7_0", "programme studio_7_1"}
    assert groups["test"].isdisjoint(groups["train"] | groups["validation"])
    assert groups["train"].isdisjoint(groups["validation"])
    assert groups["validation"]


@pytest.mark.slow
def test_whoever_looks_at_the_data_sees_channels_and_pictures(trained: tuple[FramesTrainer, Run, Bundle]) -> None:
    trainer, run, _ = trained
    items = explore(trainer, run)
    assert "channel" in telling_facts(items)
    found = {one.value: one.groups for one in count_by(items, "channel")}
    assert found == {f"channel{number}": 2 for number in (1, 2, 3, 7)}
    assert {item.side for item in items if item.facts["channel"] == "channel7"} == {"test"}
    assert {(item.measures["width"], item.measures["height"]) for item in items} == {(320.0, 180.0)}


@pytest.mark.slow
def test_its_bundle_answers_as_the_trainer_measured(trained: tuple[FramesTrainer, Run, Bundle], channels: Path) -> None:
    assert load_trainer(TASK) is FramesTrainer
    bundle = trained[2]
    manifest = bundle.manifest
    assert manifest.labels == ("ad", "content")
    assert manifest.decision.background == "content"
    assert set(manifest.decision.thresholds) == {"ad"}
    assert 0.5 <= manifest.decision.thresholds["ad"] < 1.0
    metrics = manifest.metrics
    assert metrics["accuracy"].value > metrics["baseline.accuracy"].value
    # A third of the frames are advertisements, and a ranking that knows nothing has that.
    assert metrics["average_precision.ad"].value > 0.7
    for variant in manifest.variants:
        with (
            open_pipeline(bundle) as pipeline,
            closing(load_runtime(bundle.weights(variant.name), variant.runtime)) as runtime,
        ):
            assert check_golden(bundle, variant.name, pipeline, runtime) == 0.0


@pytest.mark.slow
def test_a_servers_way_gives_what_training_measured(trained: tuple[FramesTrainer, Run, Bundle], channels: Path) -> None:
    trainer, run, bundle = trained
    found = evaluate_bundle(open_bundle(bundle.path), [channels / "synthetic_frames"])
    assert found.answers is not None
    assert found.answers.problems == ()
    assert {"precision", "recall", "f1"} <= found.metrics.keys()
    # What trained or validated is not asked about. Near-duplicates of it, which no side holds, are.
    tested = {entry["name"] for entry in trainer.entries(run, "test")}
    answered = [(one, parts[0]) for one, parts in found.answers.asked.answered if one.name in tested]
    assert {one.group for one, _ in answered} == {"programme street_7_0", "programme studio_7_1"}
    right = [part.scores[0].label == one.label for one, part in answered]
    accuracy = bundle.manifest.metrics["accuracy"]
    assert len(right) == accuracy.samples
    assert sum(right) / len(right) == pytest.approx(accuracy.value)
    threshold = bundle.manifest.decision.thresholds["ad"]
    called = [any(score.label == "ad" and score.score >= threshold for score in part.scores) for _, part in answered]
    assert called == [any(score.label == "ad" and score.detected for score in part.scores) for _, part in answered]
    hits = sum(one.label == "ad" for (one, _), is_called in zip(answered, called, strict=True) if is_called)
    assert hits / sum(called) == pytest.approx(bundle.manifest.metrics["precision"].value)


@pytest.mark.slow
def test_the_converted_model_is_tested_by_the_command(
    trained: tuple[FramesTrainer, Run, Bundle], channels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pipit evaluate`: 8 bits, calibrated on training frames, answer nearly as 32 do."""
    trainer, run, bundle = trained
    calibration = trainer.calibration(run)
    assert calibration is not None
    rows = trainer.side(run, "train").rows
    assert {frame.tobytes() for frame in calibration} <= {frame.tobytes() for frame in rows}
    metrics = {}
    for variant in ("float32", "int8"):
        arguments = ["evaluate", "--bundle", str(bundle.path), "--data", str(channels / "synthetic_frames")]
        called = CliRunner().invoke(app, [*arguments, "--variant", variant, "--json"], prog_name="pipit")
        found = json.loads(called.stdout)
        assert found["variant"] == variant
        metrics[variant] = found["metrics"]
    assert metrics["int8"]["accuracy"]["samples"] == metrics["float32"]["accuracy"]["samples"] > 100
    assert metrics["int8"]["accuracy"]["value"] == pytest.approx(metrics["float32"]["accuracy"]["value"], abs=0.03)
    assert metrics["int8"]["size_mb"]["value"] < 0.5 * metrics["float32"]["size_mb"]["value"]


@pytest.mark.slow
def test_a_frame_is_answered_once_and_whole(trained: tuple[FramesTrainer, Run, Bundle], channels: Path) -> None:
    frame = min((channels / "synthetic_frames").glob("*/*.jpg"))
    with serve_bundle(trained[2], "int8") as served:
        (prediction,) = served.answer(EncodedImage(frame.read_bytes()))
    assert {score.label for score in prediction.scores} == {"ad", "content"}
    assert sum(score.score for score in prediction.scores) == pytest.approx(1.0, abs=1e-5)
    assert isinstance(prediction.region, Box)
    assert (prediction.region.left, prediction.region.width, prediction.region.height) == (0.0, 320.0, 180.0)


@pytest.mark.slow
def test_a_server_answers_a_frame(
    trained: tuple[FramesTrainer, Run, Bundle], channels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The command sets logging up for its whole process, which here goes on after it.
    trainer, run, bundle = trained
    test = trainer.entries(run, "test")
    file = channels / test[0]["name"]
    server = InferenceServer(ServingSettings(bundle=(bundle.path,), port=0, metrics_port=0, grace_seconds=5.0))
    server.start()
    try:
        deadline = time.monotonic() + 240.0
        while not server.plane.is_ready:
            assert time.monotonic() < deadline, [host.status() for host in server.hosts.values()]
            time.sleep(0.02)
        arguments = ["classify", str(file), "--task", TASK, "--server", f"127.0.0.1:{server.port}", "--json"]
        called = CliRunner().invoke(app, arguments, prog_name="pipit")
    finally:
        server.stop(5.0)
    assert called.exit_code == 0, called.output
    with serve_bundle(bundle) as served:
        (wanted,) = served.answer(EncodedImage(file.read_bytes()))
    (prediction,) = json.loads(called.stdout)[0]["predictions"]
    scores = {score["label"]: score["score"] for score in prediction["scores"]}
    assert scores == pytest.approx({score.label: score.score for score in wanted.scores}, abs=1e-5)


@pytest.mark.slow
def test_another_training_goes_on_from_a_run(
    trained: tuple[FramesTrainer, Run, Bundle], channels: Path, tmp_path: Path
) -> None:
    _, run, _ = trained
    changes = {"start_from": str(run.folder), "freeze_layers": "all", "epochs": 1, "augmentation.copies": 1}
    trainer = FramesTrainer(recipe_of(**changes), channels)
    assert trainer.weights_files() == {"start_from.keras": run.folder / "fit" / "network.keras"}
    with open_run(trainer, tmp_path / "runs") as second:
        run_steps(second, actions_of(trainer), "fit")
        before = keras.models.load_model(run.folder / "fit" / "network.keras")
        after = keras.models.load_model(second.output("fit") / "network.keras")
    for layer in before.layers:
        same = all(
            np.array_equal(one, other)
            for one, other in zip(layer.get_weights(), after.get_layer(layer.name).get_weights(), strict=True)
        )
        # What is frozen stays as it was, and the head has moved.
        assert same == (layer.name not in ("hidden", "logits")), layer.name
    with pytest.raises(InvalidInput, match="is small of 64 pixels and 2 labels, the recipe's is small of 48 and 2"):
        build_network(trainer.recipe.model_copy(update={"crop": 48}), None, 2)
    with pytest.raises(NotFound, match="name the folder of a run"):
        build_network(trainer.recipe.model_copy(update={"start_from": str(tmp_path)}), None, 2)


@pytest.fixture(scope="module")
def tuned(
    trained: tuple[FramesTrainer, Run, Bundle], channels: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[FramesTrainer, Run, Bundle]:
    """Goes on from the bundle, away from its run, for one channel; what tests of the others is asked about too."""
    start = tmp_path_factory.mktemp("fetched") / "bundle"
    shutil.copytree(trained[2].path, start)
    folder = tmp_path_factory.mktemp("data")
    write_frames(
        folder / "ad_frames_mine",
        Size(channels=(9,), programmes=1, episodes=5, seconds=640.0, fps=Fraction(1, 8), sound=False),
    )
    (folder / "others").symlink_to(channels / "synthetic_frames")
    licence = "none needed"
    others = {"path": "others", "licence": licence, "others": True, "mixed": 0.25, "test_channels": ["channel7"]}
    changes = {
        "data": [{"path": "ad_frames_mine", "licence": licence, "together": "recording"}, others],
        "test_channels": [],
        "start_from": str(start),
        "freeze_layers": 4,
        "epochs": 2,
        "thresholds": {"least_precision": 0.9, "lowest": 0.5},
        "gates": [{"name": "kept", "metric": "others.f1_loss_points", "comparison": "<=", "limit": 100.0}],
    }
    trainer = FramesTrainer(recipe_of(**changes), folder)
    with open_run(trainer, tmp_path_factory.mktemp("runs")) as run:
        run_steps(run, actions_of(trainer))
        return trainer, run, make_bundle(trainer, run, FIRST_VERSION, run.output("publish") / "bundle")


@pytest.mark.slow
def test_others_are_mixed_in_and_measured_apart(
    tuned: tuple[FramesTrainer, Run, Bundle], trained: tuple[FramesTrainer, Run, Bundle]
) -> None:
    trainer, run, bundle = tuned
    sources = {
        side: Counter(entry["source"] for entry in trainer.entries(run, side))
        for side in ("train", "validation", "test", OTHERS)
    }
    assert sources["validation"].keys() == sources["test"].keys() == {"ad_frames_mine"}
    assert sources[OTHERS].keys() == {"others"}
    whole = sum(entry["side"] == "train" for entry in trained[0].entries(trained[1], "train"))
    assert 0.15 * whole < sources["train"]["others"] < 0.35 * whole
    # Episodes of one programme are kept together one by one, and no two frames of one stand on two sides.
    groups = {side: {e["group"] for e in trainer.entries(run, side)} for side in ("train", "validation", "test")}
    assert {group for group in groups["test"] if not group.startswith("recording ")} == set()
    assert groups["test"].isdisjoint(groups["train"] | groups["validation"])
    metrics = bundle.manifest.metrics
    assert metrics["f1"].samples == sum(sources["test"].values())
    assert metrics["others.f1"].samples == sources[OTHERS].total()
    lost = metrics["others.f1_loss_points"]
    assert lost.value == pytest.approx(100 * (metrics["others.base_f1"].value - metrics["others.f1"].value))
    assert lost.low is not None
    assert lost.high is not None
    assert lost.low <= lost.value <= lost.high


@pytest.mark.slow
def test_the_base_is_held_to_what_it_serves_at_its_own_threshold(
    tuned: tuple[FramesTrainer, Run, Bundle], trained: tuple[FramesTrainer, Run, Bundle]
) -> None:
    trainer, run, bundle = tuned
    base = trained[2].manifest
    called, truth = [], []
    with serve_bundle(trained[2]) as served:
        for picture in trainer.items(run, OTHERS):
            (prediction,) = served.answer(EncodedImage(picture.path.read_bytes()))
            called.append(any(score.label == "ad" and score.detected for score in prediction.scores))
            truth.append(picture.label == "ad")
    hits = sum(one and other for one, other in zip(called, truth, strict=True))
    assert bundle.manifest.metrics["others.base_f1"].value == pytest.approx(2 * hits / (sum(called) + sum(truth)))
    assert bundle.manifest.lineage.base_bundle == trained[2].digest
    assert base.lineage.base_bundle is None
    assert bundle.manifest.lineage.synthetic == ("ad_frames_mine", "synthetic_frames")


@pytest.mark.slow
def test_a_bundle_is_the_network_of_its_run(trained: tuple[FramesTrainer, Run, Bundle], tmp_path: Path) -> None:
    trainer, run, bundle = trained
    rows = trainer.side(run, "test").rows[:16].astype(np.float32)
    recipe = trainer.recipe.model_copy(update={"start_from": str(bundle.path)})
    from_bundle = np.asarray(build_network(recipe, None, 2)(rows))
    from_run = np.asarray(build_network(recipe.model_copy(update={"start_from": str(run.folder)}), None, 2)(rows))
    assert from_run.std() > 0.1
    np.testing.assert_allclose(from_bundle, from_run, atol=1e-3)
    with pytest.raises(InvalidInput, match="is small of 64 pixels and 2 labels, the recipe's is small of 48 and 2"):
        build_network(recipe.model_copy(update={"crop": 48}), None, 2)


@pytest.mark.parametrize(("name", "features"), [("mobilenet", (7, 7, 576)), ("resnet", (7, 7, 2048))])
def test_further_networks_take_the_same_frames_and_end_in_the_same_head(name: str, features: tuple[int, ...]) -> None:
    recipe = recipe_of(name, weights="none", freeze_layers=0)
    network = build_network(recipe, None, 2)
    assert network.input_shape == (None, 224, 224, 3)
    assert network.name == name
    assert [layer.name for layer in network.layers[-4:]] == ["features", "hidden", "dropout", "logits"]
    assert network.get_layer("features").input.shape == (None, *features)
    assert len(network.layers) - 5 == BACKBONE_LAYERS[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenet", "resnet"])
def test_further_networks_learn_from_a_few_frames(name: str, channels: Path) -> None:
    """From random weights, and small, for their published ones are not everywhere."""
    keras.utils.set_random_seed(1)
    recipe = recipe_of(name, weights="none", freeze_layers=0, crop=32)
    pictures = read_frames(channels / "synthetic_frames").items[::40][:16]
    rows = np.stack([whole_picture(read_pixels(picture.path), 32) for picture in pictures]).astype(np.float32)
    targets = np.eye(2, dtype=np.float32)[[int(picture.label == "content") for picture in pictures]]
    assert 0 < targets[:, 1].sum() < len(targets)
    _, tail = freeze(build_network(recipe, None, 2), recipe)
    tail.compile(keras.optimizers.Adam(1e-3), keras.losses.CategoricalCrossentropy(from_logits=True), run_eagerly=True)
    losses = [float(tail.train_on_batch(rows, targets)) for _ in range(6)]
    assert losses[-1] < 0.7 * losses[0]


def test_the_default_network_is_the_guides() -> None:
    recipe = recipe_of("base", weights="none", freeze_layers=0)
    network = build_network(recipe, None, 2)
    assert network.input_shape == (None, 224, 224, 3)
    assert [layer.name for layer in network.layers[-4:]] == ["features", "hidden", "dropout", "logits"]
    assert network.get_layer("hidden").units == 256
    assert network.get_layer("dropout").rate == 0.3
    assert network.get_layer("features").output.shape == (None, 1280)
    frozen = recipe.model_copy(update={"freeze_layers": 100, "weights": "imagenet"})
    body, tail = freeze(network, frozen)
    assert body.output_shape == (None, 7, 7, 672)
    assert tail.output_shape == (None, 2)
    assert not any(layer.trainable for layer in network.layers[:101])
    assert not any(layer.trainable for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization))
    assert sum(layer.trainable and bool(layer.weights) for layer in network.layers[101:]) > 10
    body, tail = freeze(network, recipe.model_copy(update={"freeze_layers": "all"}))
    assert body.output_shape == (None, 1280)
    assert [layer.name for layer in tail.layers[1:]] == ["hidden", "dropout", "logits"]
    with pytest.raises(Unavailable, match="pipit data fetch efficientnet_lite0"):
        build_network(recipe_of("base"), None, 2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weights": "imagenet"}, "small has no weights"),
        ({"freeze_layers": 4}, "random weights that stay as they are know nothing"),
        ({"freeze_layers": 11, "start_from": "somewhere"}, "freeze_layers is over 10"),
        ({"data.0.mixed": 0.5}, "mixed is a share of others"),
        ({"data.0.others": True}, "all data are others"),
        ({"test_channels": [], "validation_channels": ["channel3"]}, "name test_channels too"),
    ],
)
def test_recipes_that_can_t_be_trained_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        recipe_of(**changes)


def test_every_recipe_is_whole() -> None:
    names = recipe_names(FramesTrainer.recipe_folder, TASK)
    assert names == ("base", "mobilenet", "network", "resnet", "show", "sports", "synthetic")
    for name in names:
        recipe = recipe_of(name)
        assert recipe.name == name
        assert recipe.task == TASK
    for name in ("show", "sports", "network"):
        recipe = recipe_of(name)
        assert (recipe.freeze_layers, recipe.epochs) == (100, 10)
        gate = next(gate for gate in recipe.gates if gate.metric == "others.f1_loss_points")
        assert (gate.comparison, gate.limit) == ("<=", 1.0)
        assert [source.others for source in recipe.data] == [False, True]
    gates = {gate.metric: (gate.comparison, gate.limit) for gate in recipe_of("base").gates}
    assert gates["precision"] == (">", 0.95)
    assert gates["recall"] == (">", 0.90)
    assert gates["f1"] == (">", 0.92)
    assert gates["size_mb"] == ("<", 5.0)
