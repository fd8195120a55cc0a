"""The report of a real evaluation: its files, and that they say what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.image
import numpy as np
from pipit.training.evaluation import evaluate
from pipit.training.recipe import ThresholdRule
from pipit.training.report import PICTURES, write_report
from pipit.training.thresholds import choose_decision

LABELS = ("glass", "siren", "größer")
HISTORY = {"loss": [2.0, 1.0], "val_loss": [2.1, 1.5]}


def write(folder: Path, history: dict[str, list[float]] | None) -> tuple[Path, ...]:
    generator = np.random.default_rng(0)
    truth, scores = generator.integers(0, 3, 90), generator.dirichlet(np.ones(3), 90)
    decision = choose_decision(LABELS, truth, scores, ThresholdRule())
    measured = evaluate(LABELS, truth, scores, np.arange(90) // 2, thresholds=decision.thresholds)
    return write_report(folder, measured, truth, scores, decision, history=history, best_epoch=1, packages=("rich",))


def test_every_file_is_written_and_can_be_read(tmp_path: Path) -> None:
    written = write(tmp_path / "report", HISTORY)
    drawn = [name for name in PICTURES if name != "robustness.png"]  # That is written by whoever measures it.
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == sorted(["evaluation.json", *drawn])
    assert sorted(written) == sorted((tmp_path / "report").iterdir())
    content = json.loads((tmp_path / "report" / "evaluation.json").read_text("utf-8"))
    assert content["labels"] == list(LABELS)
    assert content["samples"] == 90
    assert content["groups"] == 45
    assert "rich" in content["software"]
    for name in drawn:
        assert matplotlib.image.imread(tmp_path / "report" / name).ndim == 3


def test_without_a_history_there_is_no_picture_of_the_training(tmp_path: Path) -> None:
    written = write(tmp_path, None)
    assert sorted(written) == sorted(tmp_path.iterdir())
    assert not (tmp_path / "training.png").exists()


def test_the_same_evaluation_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = write(tmp_path / "1", HISTORY), write(tmp_path / "2", HISTORY)
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
