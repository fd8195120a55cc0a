from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from footprints.detector.data import read_set
from footprints.detector.network import train_network, trained_outputs
from footprints.detector.pretrained import convert_weights
from footprints.detector.recipe import DetectorRecipe, UltralyticsOptimiser
from footprints.detector.searching import read_squares
from footprints.detector.task import DetectorTrainer
from pipit.bundle.golden import check_golden
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import EncodedImage
from pipit.pipelines.networks import open_pipeline
from pipit.runtimes import load_runtime
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe, recipe_names
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps
from pydantic import ValidationError

START = "backbones/yolov8n_int8.tflite"
QUICK = {
    "epochs": 2,
    "batch_size": 8,
    "start": START,
    "frozen_layers": 10,
    "finding": {"size": 160},
    "optimiser": {"name": "adamw", "learning_rate": 0.002},
    "golden": {"samples": 2},
}
PHOTOGRAPHS = {"kind": "photographs", "path": "footprints", "licence": "none"}
PEOPLE = {"kind": "without_prints", "path": "people", "licence": "none"}
DRAWN = {"kind": "yolo", "path": "synthetic_detector", "licence": "none"}


def _recipe(source: dict[str, str], **changes: object) -> DetectorRecipe:
    values: dict[str, object] = {
        "task": "footprints.detector",
        "name": "test",
        "network": "yolov8n",
        "data": [source],
        "split": {"rule": "group"},
    }
    return DetectorRecipe.model_validate({**values, **changes})


def test_recipes_are_valid_and_refuse_what_does_not_fit() -> None:
    names = recipe_names(DetectorTrainer.recipe_folder, "footprints.detector")
    assert names == ("guide", "own", "synthetic")
    for name in names:
        load_recipe(find_recipe(DetectorTrainer.recipe_folder, "footprints.detector", name), DetectorRecipe)
    with pytest.raises(ValidationError, match="frozen_layers keeps weights"):
        _recipe(DRAWN, frozen_layers=10)
    with pytest.raises(ValidationError, match="multiple of 32"):
        _recipe(DRAWN, finding={"size": 100})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimiser": {"name": "adamax"}}, "should be 'adam', 'adamw' or 'sgd'"),
        ({"optimiser": {"schedule": "plateau"}}, "should be 'constant' or 'cosine'"),
        ({"export": {"variants": ["float32", "dynamic"]}}, "should be 'float32' or 'int8'"),
        ({"split": {"rule": "fold", "test_folds": ["1"], "validation_folds": ["2"]}}, "should be 'group'"),
        ({"class_weights": False}, "class_weights changes nothing here: there is one class"),
        ({"thresholds": {"unknown_share": 0.1}}, "thresholds changes nothing here: F1 and without_prints.found decide"),
        ({"scenes": {"train": 5}}, "scenes: for photographs"),
        ({"split": {"rule": "group", "test_share": 0.3}}, "split: for photographs"),
        ({"without_prints": {"train": 5}}, "without_prints: for photographs"),
        ({"data": [{**DRAWN, "optional": True}]}, "should be False"),
        ({"data": [DRAWN, PEOPLE]}, "data without_prints goes with photographs"),
        ({"data": [PEOPLE, PHOTOGRAPHS]}, "data begins with photographs or yolo"),
        ({"data": [PHOTOGRAPHS, DRAWN]}, "data begins with photographs or yolo"),
        ({"data": [PHOTOGRAPHS, PEOPLE, {**PEOPLE, "path": "b/people"}]}, "each needs its own"),
    ],
)
def test_a_recipe_cant_name_what_the_trainer_does_not_do(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _recipe(DRAWN, **changes)
    _recipe(PHOTOGRAPHS, data=[PHOTOGRAPHS, PEOPLE], scenes={"train": 5}, split={"rule": "group", "test_share": 0.3})


@pytest.mark.parametrize("name", get_args(UltralyticsOptimiser.model_fields["name"].annotation))
@pytest.mark.parametrize("schedule", get_args(UltralyticsOptimiser.model_fields["schedule"].annotation))
def test_ultralytics_is_asked_for_the_optimiser_and_the_schedule_of_the_recipe(
    name: str, schedule: str, drawn: Path, asked: list[dict[str, Any]], quiet: Any, tmp_path: Path
) -> None:
    recipe = _recipe(DRAWN, optimiser={"name": name, "schedule": schedule, "learning_rate": 0.004})
    pictures = read_set(drawn / "synthetic_detector").pictures
    train_network(recipe, pictures, None, tmp_path / "scratch", tmp_path / "best.pt", quiet)
    options = asked[0]["options"]
    assert options["optimizer"].lower() == name
    assert options["lr0"] == 0.004
    # Without a cosine ultralytics' rate falls in a line from 1 to `lrf`.
    assert (options["cos_lr"], options["lrf"]) == {"constant": (False, 1.0), "cosine": (True, 0.01)}[schedule]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Jobs, in place of ultralytics, which leaves a history of two epochs; the second's losses are no numbers."""
    jobs: list[dict[str, Any]] = []

    def run(job: dict[str, Any], scratch: Path, _follow: Any = None) -> None:
        jobs.append(job)
        folder = scratch / "train" / "weights"
        folder.mkdir(parents=True)
        (folder / "best.pt").write_bytes(b"weights")
        names = [f"{side}/{part}_loss" for side in ("train", "val") for part in ("box", "cls", "dfl")]
        rows = [["1.0"] * 6 + ["0.5"], ["nan"] * 6 + ["0.25"]]
        lines = [[*names, "metrics/mAP50(B)"], *rows[: job["epochs"]]]
        (scratch / "train" / "results.csv").write_text("".join(f"{','.join(line)}\n" for line in lines))

    monkeypatch.setattr("footprints.detector.network.run_job", run)
    return jobs


def test_epochs_that_are_no_numbers_are_kept_in_the_history(
    drawn: Path, asked: list[dict[str, Any]], quiet: Any, tmp_path: Path
) -> None:
    trainer = DetectorTrainer(_recipe(DRAWN, epochs=2), drawn)
    with open_run(trainer, tmp_path / "runs", quiet) as run:
        trainer.prepare(run)
        assert trainer.fit(run) == {"epochs": 2, "val_average_precision": 0.5}
        history = run.read_json("fit", "history.json")
    assert history["val_loss"] == [3.0, None]
    assert history["val_average_precision"] == [0.5, 0.25]
    assert [job["step"] for job in asked] == ["fit"]


def test_a_training_of_nothing_but_nan_says_what_to_try(
    drawn: Path, monkeypatch: pytest.MonkeyPatch, quiet: Any, tmp_path: Path
) -> None:
    def run(_job: Any, scratch: Path, _follow: Any = None) -> None:
        (scratch / "train").mkdir(parents=True)
        names = [f"{side}/{part}_loss" for side in ("train", "val") for part in ("box", "cls", "dfl")]
        (scratch / "train" / "results.csv").write_text(f"{','.join(names)}\n{','.join(['nan'] * 6)}\n")

    monkeypatch.setattr("footprints.detector.network.run_job", run)
    pictures = read_set(drawn / "synthetic_detector").pictures
    with pytest.raises(InvalidInput, match=r"lower optimiser\.learning_rate"):
        train_network(_recipe(DRAWN), pictures, None, tmp_path / "scratch", tmp_path / "best.pt", quiet)


def test_weights_that_are_not_there_and_files_that_are_none_are_named(drawn: Path) -> None:
    with pytest.raises(NotFound, match="weights to begin with are not at"):
        DetectorTrainer(_recipe(DRAWN, start="none.tflite"), drawn).data_files()
    (drawn / "wrong.tflite").write_bytes(b"none of that")
    with pytest.raises(InvalidInput, match="no LiteRT file"):
        convert_weights(drawn / "wrong.tflite", drawn / "to.npz")


def test_preparing_names_every_bad_line_and_goes_on_where_told_to(drawn: Path, quiet: Any, tmp_path: Path) -> None:
    (drawn / "synthetic_detector/labels/train/001.txt").write_text("0 2 2 1 1\n")
    for skip in (False, True):
        trainer = DetectorTrainer(_recipe(DRAWN, skip_bad_files=skip), drawn)
        with open_run(trainer, tmp_path / "runs", quiet) as run:
            if not skip:
                with pytest.raises(InvalidInput, match=r"001.txt:1: 2 is over 1"):
                    run_steps(run, actions_of(trainer), "prepare")
                continue
            run_steps(run, actions_of(trainer), "prepare")
            entries = run.read_json("prepare", "pictures.json")
            assert sum(entry["side"] == "train" for entry in entries) == 47


@pytest.mark.data
@pytest.mark.slow
def test_weights_in_8_bits_begin_where_they_ended(
    ultralytics: Path, real_prints: Path, drawn: Path, quiet: Any, tmp_path: Path
) -> None:
    """With nothing learnt, the network that ultralytics trains is the one of the file, up to what 8 bits take."""
    from ai_edge_litert.interpreter import Interpreter
    from footprints.detector.child import run_job

    if not (real_prints / "faces").is_dir():
        pytest.skip("needs a picture of somebody: the data set faces")
    picture = min((real_prints / "faces").rglob("*.jpg"))
    squares, _ = read_squares([picture], 640)
    assert convert_weights(real_prints / START, tmp_path / "start.npz") == 63
    pictures = sorted((drawn / "synthetic_detector/images/train").iterdir())[:4]
    job = {"step": "begin", "network": "yolov8n", "start": str(tmp_path / "start.npz"), "size": 160}
    run_job({**job, "pictures": [str(path) for path in pictures]}, tmp_path / "scratch")
    (ours,) = trained_outputs(tmp_path / "scratch/start.pt", squares, tmp_path / "scratch")
    interpreter = Interpreter(str(real_prints / START))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], squares.transpose(0, 2, 3, 1) / np.float32(255))
    interpreter.invoke()
    theirs = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
    assert np.corrcoef(ours[4:].ravel(), theirs[4:].ravel())[0, 1] > 0.9
    sure = theirs[4:].max(axis=0) > 0.1
    assert sure.sum() > 3
    assert np.abs(ours[:4] / 640 - theirs[:4])[:, sure].mean() < 0.03


@pytest.mark.data
@pytest.mark.slow
def test_real_prints_to_a_bundle_that_serves(
    ultralytics: Path, real_prints: Path, photographs: Callable[[int], Path], quiet: Any, tmp_path: Path
) -> None:
    """A part of the real photographs, all six steps; what was done is not done again."""
    for side, count in (("train", 9), ("val", 6)):
        for species in ("chat", "chien", "loup", "lynx", "puma"):
            folder = tmp_path / "data/part" / side / species
            folder.mkdir(parents=True)
            for path in sorted((real_prints / "footprints" / side / species).iterdir())[:count]:
                (folder / path.name).symlink_to(path)
    people = sorted((real_prints / "faces/lfw_known").glob("*/*_0001.jpg"))[:10]
    for portrait in people:
        (tmp_path / "data/people" / portrait.parent.name).mkdir(parents=True)
        (tmp_path / "data/people" / portrait.parent.name / portrait.name).symlink_to(portrait)
    start = str(real_prints / START)
    scenes = {"train": 16, "validation": 8, "test": 8}
    missing = {**PEOPLE, "path": "rooms", "trains": False, "optional": True}
    sources = [{**PHOTOGRAPHS, "path": "part"}, {**PEOPLE, "optional": True}, missing]
    recipe = _recipe(sources[0], **{**QUICK, "data": sources, "start": start, "scenes": scenes})
    trainer = DetectorTrainer(recipe, tmp_path / "data")
    with open_run(trainer, tmp_path / "runs", quiet) as run:
        outcomes = run_steps(run, actions_of(trainer))
        assert [outcome.ran for outcome in outcomes] == [True] * 5
        assert [outcome.step for outcome in run_steps(run, actions_of(trainer)) if outcome.ran] == []
        parity = run.read_json("verify", "parity.json")
        assert parity["float32"]["box"] < 0.1
        assert parity["float32"]["score"] < 0.001
        assert 0.001 < parity["int8"]["score"] < 0.5
        bundle = make_bundle(trainer, run, FIRST_VERSION, tmp_path / "bundle")
    names = {f"report/{name}" for name in ("evaluation.json", "model_card.md", "scenes.png", "detections.png")}
    assert names <= set(bundle.manifest.files)
    assert {"precision", "average_precision", "baseline.average_precision", "real.found"} <= set(
        bundle.manifest.metrics
    )
    kinds = {"real.false", "real.false.ground"} | ({"real.false.people"} if people else set())
    assert kinds == {name for name in bundle.manifest.metrics if name.startswith("real.false")}
    card = bundle.file("report/model_card.md").read_text()
    assert "COMPOSED" in card
    assert "**Without rooms" in card
    runtime = load_runtime(bundle.weights(), "onnx")
    try:
        with open_pipeline(bundle) as pipeline:
            assert check_golden(bundle, "float32", pipeline, runtime) < 1e-4
            sizes = {v.name: bundle.manifest.files[v.file].size for v in bundle.manifest.variants}
            assert sizes["int8"] < 0.35 * sizes["float32"]
            picture = next((tmp_path / "data/part/val/loup").iterdir())
            decoded = pipeline.decode(EncodedImage(picture.read_bytes()))
            for prediction in pipeline.interpret(runtime.run(decoded.tensors), decoded):
                assert prediction.region_score is not None
                assert prediction.scores[0].label == "print"
    finally:
        runtime.close()


def test_an_epoch_that_was_trained_again_is_in_the_history_once(
    drawn: Path, monkeypatch: pytest.MonkeyPatch, quiet: Any, tmp_path: Path
) -> None:
    """Interrupted when the second epoch's line was written, and its weights were not."""

    def run(_job: Any, scratch: Path, _follow: Any = None) -> None:
        folder = scratch / "train" / "weights"
        folder.mkdir(parents=True)
        (folder / "best.pt").write_bytes(b"weights")
        names = ["epoch", *(f"{side}/{part}_loss" for side in ("train", "val") for part in ("box", "cls", "dfl"))]
        rows = [[number, *[loss] * 6] for number, loss in ((1, 3.0), (2, 2.0), (2, 1.0), (3, 0.5))]
        lines = [",".join(map(str, line)) for line in (names, *rows)]
        (scratch / "train" / "results.csv").write_text("\n".join(lines))

    monkeypatch.setattr("footprints.detector.network.run_job", run)
    pictures = read_set(drawn / "synthetic_detector").pictures
    found = train_network(_recipe(DRAWN, epochs=3), pictures, None, tmp_path / "scratch", tmp_path / "best.pt", quiet)
    assert found.history["val_loss"] == [9.0, 3.0, 1.5]


@pytest.mark.slow
def test_an_interrupted_training_goes_on(ultralytics: Path, drawn: Path, quiet: Any, tmp_path: Path) -> None:
    """By the real ultralytics: stopped after an epoch, called again, each epoch is in the history once."""
    recipe = _recipe(DRAWN, epochs=3, batch_size=8, finding={"size": 96})
    pictures = [p for p in read_set(drawn / "synthetic_detector").pictures if int(p.path.stem) < 8]

    class Stopping(type(quiet)):  # type: ignore[misc]
        def advance(self, amount: float = 1, note: str = "") -> None:
            if note.startswith("epoch 2"):
                raise KeyboardInterrupt

    scratch, to = tmp_path / "scratch", tmp_path / "best.pt"
    with pytest.raises(KeyboardInterrupt):
        train_network(recipe, pictures, None, scratch, to, Stopping())
    assert not to.exists()
    history = train_network(recipe, pictures, None, scratch, to, quiet).history
    assert to.is_file()
    assert {len(values) for values in history.values()} == {3}
