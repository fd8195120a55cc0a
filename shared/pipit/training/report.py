"""`report/` of a bundle: `evaluation.json` and the pictures. The model card comes when the variants are known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipit.bundle.manifest import Decision
from pipit.files import write_atomically
from pipit.training import plots
from pipit.training.evaluation import Evaluation, Scores, Truth

EVALUATION_FILE = "evaluation.json"
PICTURES: Mapping[str, str] = {
    "confusion.png": "Confusion matrix",
    "precision_recall.png": "Precision against recall, and where the thresholds lie",
    "reliability.png": "Accuracy by score",
    "coverage.png": "Accuracy of the surest answers",
    "scores.png": "Scores of right and wrong answers",
    "robustness.png": "What is detected where the input is changed, and what where nothing is",
    "training.png": "The training",
}
"""By file name: what it shows."""


def write_report(
    folder: Path,
    evaluation: Evaluation,
    truth: Truth,
    scores: Scores,
    decision: Decision,
    *,
    history: Mapping[str, Sequence[float]] | None = None,
    best_epoch: int | None = None,
    packages: Sequence[str] = (),
) -> tuple[Path, ...]:
    """Writes what `evaluation` says of `scores`, and draws it; gives the files written.

    truth: (samples,), scores: (samples, labels), as given to `evaluate`. history, best_epoch: of the training, counted
    from 0; without it there is no picture of it. packages: further ones whose version the report tells.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / EVALUATION_FILE
    content = json.dumps(evaluation.to_json(packages), indent=1, allow_nan=False, ensure_ascii=False)
    write_atomically(path, content.encode())
    plots.plot_confusion(folder / "confusion.png", evaluation.labels, evaluation.confusion)
    plots.plot_precision_recall(folder / "precision_recall.png", evaluation.labels, truth, scores, decision.thresholds)
    plots.plot_reliability(folder / "reliability.png", evaluation.calibration)
    plots.plot_coverage(folder / "coverage.png", truth, scores, decision.unknown_below)
    plots.plot_scores(folder / "scores.png", truth, scores, decision.unknown_below)
    if history:
        plots.plot_training(folder / "training.png", history, best_epoch)
    return (path, *(folder / name for name in PICTURES if (folder / name).exists()))
