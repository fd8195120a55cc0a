from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footprints.detector.data import read_set
from footprints.detector.network import train_network, trained_outputs
from footprints.detector.pretrained import convert_weights
from footprints.detector.recipe import DetectorRecipe
from footprints.detector.searching import read_squares
from footprints.detector.task import DetectorTrainer
from pipit.bundle.golden import check_golden
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import EncodedImage
from pipit.runtimes import load_runtime
from pipit.runtimes.networks import open_pipeline
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
    start = str(real_prints / START)
    scenes = {"train": 16, "validation": 8, "test": 8}
    recipe = _recipe({**PHOTOGRAPHS, "path": "part"}, **{**QUICK, "start": start, "scenes": scenes})
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
    assert "COMPOSED" in bundle.file("report/model_card.md").read_text()
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
