"""The whole way on SYNTHETIC scores: made, checked, fitted, exported, served, asked about; muted and skipped."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ad_detection.blocks.data import check_folder, read_examples, said_breaks
from ad_detection.blocks.pipeline import SCORES, BlocksPipeline
from ad_detection.blocks.recipe import BlocksRecipe
from ad_detection.blocks.recordings import breaks_of, read_scored, read_series
from ad_detection.blocks.synthetic import write_synthetic_set
from ad_detection.blocks.task import BlocksTrainer
from pipit.bundle import Bundle, open_bundle
from pipit.bundle.golden import check_golden
from pipit.client import Answer, Client, TensorInput
from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import EncodedImage
from pipit.pipelines.networks import open_pipeline
from pipit.pipelines.served import Served, serve_bundle
from pipit.runtimes import load_runtime
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings
from pipit.training.bundle_evaluation import evaluate_bundle
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe, recipe_names
from pipit.training.run import Run, open_run
from pipit.training.steps import actions_of, run_steps
from pipit.training.trainer import load_trainer
from pipit.types import TimeSpan

pytestmark = [
    # Keras saves weights in a way that numpy warns of.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]
TASK = "ad_detection.blocks"
Trained = tuple[BlocksTrainer, Run, Bundle]


def recipe_of(name: str = "synthetic", **changes: Any) -> BlocksRecipe:
    return load_recipe(find_recipe(BlocksTrainer.recipe_folder, TASK, name), BlocksRecipe, changes)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data sets with `synthetic_blocks`."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "synthetic_blocks").mkdir()
    write_synthetic_set(folder / "synthetic_blocks")
    return folder


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """A run of the recipe for machines without recordings."""
    trainer = BlocksTrainer(recipe_of(), data)
    with open_run(trainer, tmp_path_factory.mktemp("runs")) as run:
        run_steps(run, actions_of(trainer))
        yield trainer, run, make_bundle(trainer, run, FIRST_VERSION, run.output("publish") / "bundle")


@pytest.fixture(scope="module")
def served(trained: Trained) -> Iterator[Served]:
    with serve_bundle(trained[2]) as found:
        yield found


def test_its_data_can_be_checked(data: Path) -> None:
    report = check_folder(data / "synthetic_blocks", lambda done, total: None)
    assert report.problems == ()
    assert report.recordings == 12
    assert report.seconds == 12 * 1499.0
    assert report.classes["ad"] + report.classes["content"] == 12 * 1500


def test_every_recipe_can_be_read() -> None:
    names = recipe_names(BlocksTrainer.recipe_folder, TASK)
    assert names == ("base", "short_breaks", "synthetic")
    assert {recipe_of(name).task for name in names} == {TASK}
    assert load_trainer(TASK) is BlocksTrainer


@pytest.mark.slow
def test_its_bundle_names_its_members_and_answers_as_measured(trained: Trained, data: Path) -> None:
    _, run, bundle = trained
    parameters = bundle.manifest.pipeline.parameters
    assert [member["name"] for member in parameters["members"]] == ["frames", "audio"]
    assert {member["digest"] for member in parameters["members"]} == {"0" * 64}
    assert parameters["voting"] == "fitted"
    assert min(parameters["weights"]) > 0.0
    with open_pipeline(bundle) as pipeline, closing(load_runtime(bundle.weights(), "litert")) as runtime:
        assert check_golden(bundle, "float32", pipeline, runtime) < 1e-6
    found = evaluate_bundle(bundle, [data / "synthetic_blocks"])
    for name in ("precision", "recall", "skip.shown_an_hour", "skip.lost_an_hour", "skip.switches"):
        # A recording's last look lasts a second there, and no time here.
        assert found.metrics[name].value == pytest.approx(bundle.manifest.metrics[name].value, rel=1e-3)
    assert found.metrics["skip.switches"].value == found.metrics["skip.true_switches"].value
    assert (run.output("verify") / "report" / "blocks.png").stat().st_size > 5_000
    card = (run.output("verify") / "report" / "model_card.md").read_text()
    assert "frames (ad_detection.frames 0.0.0, 000000000000)" in card


@pytest.mark.slow
def test_skipping_beats_what_the_vote_says_of_moments(trained: Trained) -> None:
    metrics = trained[2].manifest.metrics
    assert metrics["skip.precision"].value > metrics["precision"].value
    assert metrics["skip.recall"].value > metrics["recall"].value
    assert metrics["skip.flaps_an_hour"].value == 0.0
    assert metrics["skip.lost_an_hour"].value < 30.0


@pytest.mark.slow
def test_live_over_a_server_gives_what_the_trainer_measured(trained: Trained, tmp_path: Path) -> None:
    """Moment by moment: never another answer because of what came later, and reset by a new stream."""
    trainer, run, bundle = trained
    item = trainer.items(run, "test")[0]
    series = read_series(item.path, ["frames", "audio"])
    settings = ServingSettings(
        bundle=str(bundle.path), port=0, metrics_port=0, host="127.0.0.1", cache_dir=tmp_path, log_level="ERROR"
    )
    server = InferenceServer(settings)
    server.start()
    try:
        while not server.plane.is_ready:
            time.sleep(0.01)
        with Client(f"127.0.0.1:{server.port}", task=TASK) as client:
            states = []
            with client.open_stream() as stream:
                for second, scores in zip(series.seconds[:900].tolist(), series.scores[:900], strict=True):
                    stream.send(TensorInput(SCORES, scores), second)
                    (answer,) = stream.receive()
                    assert isinstance(answer, Answer)
                    (prediction,) = answer.predictions
                    states.append(prediction.label == "ad")
                    assert prediction.quality is not None
            table = np.column_stack([series.seconds, series.scores]).astype(np.float32)
            whole = client.classify(TensorInput(SCORES, table))
    finally:
        server.stop()
    with serve_bundle(bundle) as served:
        again = [served.stream([TensorInput(SCORES, scores) for scores in series.scores[:300]])]
        assert [part.label == "ad" for part in again[0]] == states[:300]
    truth = np.array([any(a <= s < b for a, b in breaks_of(item)) for s in series.seconds[:900].tolist()])
    assert (np.array(states) == truth).mean() > 0.95
    assert len(whole.predictions) == len(series.seconds)
    found = said_breaks(whole.predictions)
    assert len(found) == len(breaks_of(item))
    assert max(abs(a[0] - b[0]) for a, b in zip(found, breaks_of(item), strict=True)) <= 8.0


def test_silence_is_told(served: Served) -> None:
    pipeline = served.pipeline
    assert isinstance(pipeline, BlocksPipeline)
    nothing = served.answer(TensorInput(SCORES, np.array([[0.0, np.nan, np.nan], [1.0, 0.2, np.nan]], np.float32)))
    assert nothing[0].unknown
    assert nothing[0].label == ""
    assert nothing[0].quality == 0.0
    weights = pipeline.ensemble.weights
    assert nothing[1].quality == pytest.approx(weights[0] / sum(weights))
    assert nothing[1].label == "content"
    said = list(served.stream([TensorInput(SCORES, np.array([0.9, np.nan], np.float32))] * 8))
    assert [part.label for part in said] == ["content"] * 4 + ["ad"] * 4
    assert all(part.region_score is None for part in said)
    assert said[2].region == TimeSpan(1.0, 2.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((3, 2), np.float32), r"shape \(moments, 3\)"),
        (np.zeros((0, 3), np.float32), r"shape \(moments, 3\)"),
        (np.zeros((2, 3), np.float32), "have to grow"),
        (np.array([[0.0, 0.5, 1.5]], np.float32), "shares from 0 to 1"),
        (np.array([[np.nan, 0.5, 0.5]], np.float32), "have to grow"),
    ],
)
def test_a_wrong_table_is_refused(served: Served, values: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        served.answer(TensorInput(SCORES, values))


def test_other_inputs_are_refused(served: Served) -> None:
    with pytest.raises(InvalidInput, match="takes a tensor named 'scores' with seconds, frames, audio, not a picture"):
        served.answer(EncodedImage(b""))
    with pytest.raises(InvalidInput, match=r"scores must be of shape"):
        list(served.stream([TensorInput(SCORES, np.zeros(3, np.float32))]))
    with pytest.raises(InputTooLarge, match="send the recording in parts"):
        served.answer(TensorInput(SCORES, np.zeros(((1 << 20) + 1, 3), np.float32)))


def test_scores_of_other_members_are_refused(trained: Trained, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    write_synthetic_set(folder)
    members = json.loads((folder / "members.json").read_text())
    members[0]["digest"] = "1" * 64
    (folder / "members.json").write_text(json.dumps(members))
    with pytest.raises(InvalidInput, match="but the bundle's members are frames"):
        read_examples(folder, trained[2].manifest)
    trainer = BlocksTrainer(recipe_of(**{"data.0.path": str(folder)}), data)
    mixed = replace(trainer.sources.items()[0], members=())
    with pytest.raises(InvalidInput, match="scores of different members"):
        trainer.read_items(trained[1], [mixed, *trainer.sources.items()])


def test_a_recording_that_nobody_labelled_is_named(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    write_synthetic_set(folder)
    (folder / "new.csv").write_text("seconds,frames\n0,0.5\n")
    (problem,) = read_scored(folder).problems
    assert "nobody has said what it shows" in problem
    (folder / "channel1" / "programme1.csv").write_text("seconds,frames,audio\n1,0.5,\n1,0.5,\n")
    report = check_folder(folder, lambda done, total: None)
    assert any("line 3: seconds have to grow" in text for text in report.problems)


def test_the_bundle_is_whole(trained: Trained) -> None:
    assert open_bundle(trained[2].path).digest == trained[2].digest
